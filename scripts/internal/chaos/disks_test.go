package chaos

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/testkit"
)

// A full disk takes not one byte more, and has room again afterwards. Where no disk can be made, it says why.
func TestFill(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "disk")
	d, err := MakeDisks(8<<20, dir)
	require.NoError(t, err)
	if d.Not != "" {
		require.NotEqual(t, 0, os.Getuid(), d.Not)
		return
	}
	t.Cleanup(func() { require.NoError(t, d.Remove()) })
	path := filepath.Join(dir, "data")
	require.NoError(t, os.WriteFile(path, []byte("kept"), 0o600))
	empty, err := fill(dir)
	require.NoError(t, err)
	require.ErrorIs(t, os.WriteFile(path+"2", make([]byte, 1<<16), 0o600), syscall.ENOSPC)
	require.NoError(t, empty())
	// A child that another test is starting may hold the removed file open until it runs.
	testkit.Eventually(t, func() bool { return os.WriteFile(path+"2", make([]byte, 1<<16), 0o600) == nil }, "room again")
	kept, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "kept", string(kept))
}
