package cli

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/program"
)

// run runs a command line with no program to talk to.
func run(t *testing.T, args ...string) (out string, code int) {
	t.Helper()
	var shown bytes.Buffer
	root := Command([]string{"ORDERCTL_PROCESSMANAGER_ADMIN=127.0.0.1:1"}, &bytes.Buffer{}, &shown, t.Output())
	code = program.Execute(t.Context(), root, args)
	return shown.String(), code
}

func TestShellsAreHelped(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish"} {
		out, code := run(t, "completion", shell)
		require.Equal(t, program.ExitOK, code)
		require.Contains(t, out, "orderctl", shell)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"tap", ""}, "payment.commands\n"},
		{[]string{"tap", "--type", ""}, "PaymentRefundFailed.v1\n"},
		{[]string{"tap", "--from", ""}, "-5m\n"},
		{[]string{"saga", "list", "--state", ""}, "unwinding\n"},
		{[]string{"why", "-o", ""}, "json\n"},
		{[]string{"deadletters", "show", ""}, "warehouse\n"},
		{[]string{"replay", ""}, "warehouse\n"},
		{[]string{"replay", "loyalty", "--to", ""}, "beginning\n"},
		{[]string{"definition", "diff", "--to", ""}, ":4\n"},
		{[]string{"deadletters", "list", "--program", ""}, "loyalty\n"},
		{[]string{"saga", "retry", ""}, ":4\n"}, // nobody answers: no file names instead
	} {
		out, code := run(t, append([]string{"__complete"}, c.args...)...)
		require.Equal(t, program.ExitOK, code)
		require.Contains(t, out, c.want, "%v", c.args)
	}
}

func TestWrongCommandLinesAreUsageErrors(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"frob"}, {"saga", "frob"}, {"--frob"}, {"why"}, {"why", "x", "y"}, {"version", "-o", "xml"}, {"tap", "-n", "-1"},
		{"deadletters", "list", "--cursor", "x"},
		{"replay", "warehouse", "--reason", "x", "--yes"}, {"replay", "warehouse", "--to", "7", "--reason", "x", "--yes"},
		{"replay", "archive", "--to", "beginning", "--reason", "x", "--yes"}, {"positions", "list", "archive"},
		{"definition", "diff", "--order", "7"},
		{"saga", "waive", "0199b1de-7c1e-7aaa-8bbb-0123456789ab", "--reason", "x"},
	} {
		_, code := run(t, args...)
		require.Equal(t, program.ExitUsage, code, "%v", args)
	}
	_, code := run(t, "saga", "list")
	require.Equal(t, program.ExitNotReachable, code)
	out, code := run(t)
	require.Equal(t, program.ExitOK, code)
	require.Contains(t, out, "Examples:")
}
