package localstack

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The fetched server starts: what a machine without PostgreSQL gets. Needs Maven, so it stands aside where there is none.
func TestFetchedPostgresRuns(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("mvn"); err != nil && os.Getenv("CI") != "true" {
		t.Log("NOT RUN: no mvn on the PATH")
		return
	}
	bin, err := fetchedPostgres(t.Context())
	require.NoError(t, err)
	dir, become, err := unprivileged(filepath.Join(t.TempDir(), "pg"))
	require.NoError(t, err)
	for _, args := range [][]string{{"initdb", "-D", dir, "-U", "postgres", "-A", "trust"}, {"postgres", "--version"}} {
		cmd := exec.CommandContext(t.Context(), filepath.Join(bin, args[0]), args[1:]...)
		cmd.SysProcAttr, cmd.Dir = become(), dir
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
}
