package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"ordersaga.internal/contracts"
)

const deploy = "../../../../infra/deploy"

// What takes the archive's place at a larger scale takes the same topics, whole and raw.
func TestConnectTakesExactlyTheContractsTopics(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(deploy + "/connect/*.json")
	require.NoError(t, err)
	require.Len(t, files, 2)
	for _, name := range files {
		raw, err := os.ReadFile(name)
		require.NoError(t, err)
		var connector struct {
			Name   string
			Config map[string]string
		}
		require.NoError(t, json.Unmarshal(raw, &connector), name)
		require.NotEmpty(t, connector.Name)
		require.ElementsMatch(t, contracts.Topics(), strings.Split(connector.Config["topics"], ","), name)
		for _, part := range []string{"key", "value", "header"} {
			require.Equal(t, "org.apache.kafka.connect.converters.ByteArrayConverter", connector.Config[part+".converter"], name)
		}
		require.Equal(t, "none", connector.Config["errors.tolerance"], "%s: nothing is skipped", name)
		require.Equal(t, "earliest", connector.Config["consumer.override.auto.offset.reset"], name)
		require.Equal(t, "read_committed", connector.Config["consumer.override.isolation.level"], name)
	}
}

// metricsOfAlerts are the archive's metrics that its alerts look at: an alert on one that nobody has would never fire.
func metricsOfAlerts(t *testing.T) []string {
	t.Helper()
	raw, err := os.ReadFile(deploy + "/prometheus/archive.rules.yaml")
	require.NoError(t, err)
	var rules struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	require.NoError(t, yaml.Unmarshal(raw, &rules))
	var out []string
	for _, rule := range rules.Groups[0].Rules {
		names := regexp.MustCompile(`archive_[a-z_]+`).FindAllString(rule.Expr, -1)
		require.NotEmpty(t, names, rule.Alert)
		out = append(out, names...)
	}
	return out
}
