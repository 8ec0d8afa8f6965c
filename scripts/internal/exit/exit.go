// Package exit runs a command line and ends the program with the exit code that its error stands for, the same for every
// program here: 0 holds, 1 does not hold, 2 usage or settings, 3 not reachable, 130 interrupted.
package exit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Codes beside 0.
const (
	fails       = 1
	usage       = 2
	unreachable = 3
	interrupted = 130
)

// ErrUsage marks an error of the command line or the settings.
var ErrUsage = errors.New("usage")

// Main runs a command, whose context ends with a Ctrl-C or SIGTERM, and does not return. Wrong flags are ErrUsage. away marks
// errors of something that is not reachable; nil where the command knows none.
func Main(cmd *cobra.Command, away error) {
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w: %w", ErrUsage, err) })
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := cmd.ExecuteContext(ctx)
	stopped := ctx.Err() != nil
	stop()
	if err != nil && !stopped {
		fmt.Fprintln(os.Stderr, "error:", err)
	}
	os.Exit(code(err, stopped, away))
}

func code(err error, stopped bool, away error) int {
	switch {
	case stopped:
		return interrupted
	case errors.Is(err, ErrUsage):
		return usage
	case away != nil && errors.Is(err, away):
		return unreachable
	case err != nil:
		return fails
	}
	return 0
}
