package localstack_test

import (
	"bufio"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/localstack"
	"ordersaga.internal/infra/testkit"
)

// A program with a child of its own: both stop, go on, and end together.
func TestFreezeAndKillReachTheWholeFamily(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("sh", "-c", "sleep 1000 & echo $!; wait")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	p, err := localstack.Start(cmd, syscall.SIGKILL)
	require.NoError(t, err)
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	child, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err)
	require.False(t, p.Stopped())
	thaw, err := p.Freeze()
	require.NoError(t, err)
	testkit.Eventually(t, p.Stopped, "stopped")
	require.NoError(t, thaw())
	testkit.Eventually(t, func() bool { return !p.Stopped() }, "running again")
	require.NoError(t, p.Kill())
	require.Error(t, p.Err())
	testkit.Eventually(t, func() bool { return !alive(child) }, "the child is gone")
	require.NoError(t, thaw()) // of what is gone
}

// alive is false for a zombie, too: who adopted it may take its time.
func alive(pid int) bool {
	out, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && !strings.HasPrefix(strings.TrimSpace(string(out)), "Z")
}
