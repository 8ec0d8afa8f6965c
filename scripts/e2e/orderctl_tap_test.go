package e2e

import (
	"bufio"
	"encoding/json"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/kafka"
)

// tapped is a line of tap.
type tapped struct {
	Topic   string            `json:"topic"`
	Key     string            `json:"key"`
	Headers map[string]string `json:"headers"`
	Data    json.RawMessage   `json:"data"`
	Raw     []byte            `json:"raw"`
	Problem string            `json:"problem"`
}

func lines(t *testing.T, out string) (all []tapped) {
	t.Helper()
	for line := range strings.Lines(out) {
		var one tapped
		require.NoError(t, json.Unmarshal([]byte(line), &one), "%s", line)
		all = append(all, one)
	}
	return all
}

// A tap shows an order's life as it happened, across all topics, and is in no group.
func TestOrderctlTapsWhatWasSaid(t *testing.T) {
	order := place(t, "alice", "pm_ok", nil)
	require.Equal(t, "completed", settled(t, order).State)
	before, err := admin(t).ListGroups(t.Context())
	require.NoError(t, err)
	all := lines(t, orderctl(t, nil, "tap", "--order", order.String(), "--from", "-5m", "-o", "json").out)
	var types, want []string
	for _, m := range all {
		types = append(types, m.Topic+" "+m.Headers["ce_type"])
		require.Equal(t, order.String(), m.Key)
		require.Empty(t, m.Problem)
	}
	for _, m := range completed {
		want = append(want, m.topic+" "+m.wireType)
	}
	require.Equal(t, want, types)
	require.Len(t, lines(t, orderctl(t, nil, "tap", "--order", order.String(), "--from", "begin", "-n", "3", "-o", "json").out), 3)
	one := lines(t, orderctl(t, nil, "tap", "order.events", "--type", "OrderCompleted", "--order", order.String(), "--from", "begin", "-o", "json").out)
	require.Len(t, one, 1)
	require.Equal(t, "OrderCompleted.v1", one[0].Headers["ce_type"])

	after, err := admin(t).ListGroups(t.Context())
	require.NoError(t, err)
	require.ElementsMatch(t, before.Groups(), after.Groups())
}

// Live, a tap shows what comes after it began; what it does not know it shows raw. Ctrl-C ends it with 130.
func TestOrderctlTapsWhatComes(t *testing.T) {
	path, err := build()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), path, "tap", "order.events", "--from", "-1s", "--follow", "-o", "json", "--kafka", system.Brokers)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	order := place(t, "alice", "pm_ok", nil)
	cl, err := kgo.NewClient(kgo.SeedBrokers(system.Brokers), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	defer cl.Close()
	// A type of an unknown name is counted and skipped by whoever reads events.
	require.NoError(t, cl.ProduceSync(t.Context(), &kgo.Record{
		Topic: contracts.OrderEvents, Key: []byte(order.String()), Partition: kafka.Partition([]byte(order.String()), contracts.Partitions),
		Value: []byte(`{"gift":true}`), Headers: envelope(order, "OrderWrapped.v1"),
	}).FirstErr())
	scanner := bufio.NewScanner(out)
	var placed, unknown bool
	for !(placed && unknown) && scanner.Scan() {
		var m tapped
		require.NoError(t, json.Unmarshal(scanner.Bytes(), &m))
		if m.Key != order.String() {
			continue
		}
		switch m.Headers["ce_type"] {
		case "OrderPlaced.v1":
			placed = true
			require.Contains(t, string(m.Data), `"customer_id":"alice"`)
		case "OrderWrapped.v1":
			unknown = true
			require.Equal(t, `{"gift":true}`, string(m.Raw))
			require.Contains(t, m.Problem, "does not know")
		}
	}
	require.True(t, placed && unknown)
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	for scanner.Scan() {
	}
	require.Error(t, cmd.Wait())
	require.Equal(t, 130, cmd.ProcessState.ExitCode())
	settled(t, order)
}

// envelope is a complete one, of a message of nobody's.
func envelope(order uuid.UUID, wireType string) (out []kgo.RecordHeader) {
	for _, h := range [][2]string{
		{"ce_specversion", "1.0"}, {"ce_id", uuid.NewString()}, {"ce_source", "/services/gifts"}, {"ce_type", wireType},
		{"ce_subject", order.String()}, {"ce_time", "2026-11-25T12:00:00.000000Z"}, {"ce_sequence", "00000000000000000001"},
		{"content-type", "application/json"},
	} {
		out = append(out, kgo.RecordHeader{Key: h[0], Value: []byte(h[1])})
	}
	return out
}
