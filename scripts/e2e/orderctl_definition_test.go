package e2e

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/localstack"
	"ordersaga.internal/scripts/internal/stack"
)

// candidate runs a replica of the process manager's next release beside the one that is there: the checkout, with the files of
// testdata/candidate in place of its versions. It returns its admin port.
func candidate(t *testing.T) (addr string) {
	t.Helper()
	module := filepath.Join(system.Config.Root, "processmanager")
	replace := map[string]string{}
	for _, name := range []string{"versions.go", "v2.go"} {
		path, err := filepath.Abs(filepath.Join("testdata", "candidate", name))
		require.NoError(t, err)
		replace[filepath.Join(module, "internal", "fulfilment", name)] = path
	}
	folder := t.TempDir()
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "overlay.json"), overlay, 0o600))
	bin := filepath.Join(folder, "processmanager")
	build := exec.CommandContext(t.Context(), "go", "build", "-overlay", filepath.Join(folder, "overlay.json"), "-tags", os.Getenv(Tags),
		"-o", bin, "./cmd/processmanager")
	build.Dir = module
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)

	port, err := localstack.FreePort()
	require.NoError(t, err)
	database, err := system.Database("processmanager")
	require.NoError(t, err)
	p := &stack.Program{Service: stack.Service{Name: "processmanager"}, Replica: 9, AdminAddr: "127.0.0.1:" + strconv.Itoa(port), Log: filepath.Join(folder, "log")}
	p.Use(folder)
	p.Set(append(os.Environ(), "DATABASE_URL="+database, "KAFKA_BROKERS="+system.Brokers, "REPLICA=9", "WORKERS=1",
		"ADMIN_ADDR="+p.AdminAddr, "JWKS="+system.Keys.JWKS)...)
	require.NoError(t, p.Start())
	t.Cleanup(func() { p.Process().Stop(syscall.SIGTERM, 15*time.Second) })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, p.WaitReady(ctx))
	return p.AdminAddr
}

// The page shows what a version of the definition would do otherwise than recorded orders had it, asked of a replica that holds it.
func TestOrderctlTranscriptOfADefinitionDiff(t *testing.T) {
	addr := candidate(t)
	var last uuid.UUID
	for _, method := range []string{"pm_ok", "pm_declined", "pm_ok"} {
		last = place(t, "vera", method, nil)
		settled(t, last)
	}
	address := regexp.MustCompile(`127\.0\.0\.1:\d+`)
	nothing := func([]string) {}
	play(t, "definition-diff.md", 4, "", func(line string) string {
		return anyUUID.ReplaceAllString(address.ReplaceAllString(line, addr), last.String())
	}, nothing, nothing)

	s := orderctl(t, nil, "definition", "diff", "--processmanager-admin", addr, "--limit", "1") // without numbers: what comes next
	require.Equal(t, 1, s.code)
	require.True(t, strings.HasPrefix(s.out, "fulfilment v1 → fulfilment v2 over 1 orders: 0 the same, 1 differ"), s.out)
	s = orderctl(t, nil, "definition", "diff")
	require.Equal(t, 2, s.code)
	require.Contains(t, s.errs, "holds no version after 1")
	s = orderctl(t, nil, "definition", "diff", "--from", "1", "--to", "2")
	require.Equal(t, 2, s.code)
	require.Contains(t, s.errs, "this program holds no version 2")
	s = orderctl(t, nil, "definition", "diff", "--from", "1", "--to", "1", "--order", uuid.Must(uuid.NewV7()).String())
	require.Equal(t, 1, s.code)
	require.Contains(t, s.errs, "not found")
	require.Equal(t, "completed", settled(t, place(t, "vera", "pm_ok", nil)).State, "orders end beside it")
}
