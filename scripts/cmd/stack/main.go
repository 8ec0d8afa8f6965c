// Command stack runs, shows and measures the whole system on this machine. The scripts beside it are its subcommands.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"ordersaga.internal/scripts/internal/stack"
)

// Exit codes: 0 holds, 1 does not hold, 2 usage or settings, 3 not reachable, 130 interrupted.
const (
	exitFails       = 1
	exitUsage       = 2
	exitInterrupted = 130
)

// errUsage marks an error of the command line or the settings.
var errUsage = errors.New("usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	root := &cobra.Command{Use: "scripts", SilenceUsage: true, SilenceErrors: true, CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true}}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w: %w", errUsage, err) })
	root.AddCommand(upCommand(), tokenCommand(), brokerCommand(), demoCommand(), benchCommand(), testCommand(), chaosCommand(), exploreCommand(), overloadCommand())
	err := root.ExecuteContext(ctx)
	interrupted := ctx.Err() != nil
	stop()
	if err != nil && !interrupted {
		fmt.Fprintln(os.Stderr, "error:", err)
	}
	switch {
	case interrupted:
		os.Exit(exitInterrupted)
	case errors.Is(err, errUsage):
		os.Exit(exitUsage)
	case err != nil:
		os.Exit(exitFails)
	}
}

// stackFlags are the flags of every command that starts a stack.
func stackFlags(cmd *cobra.Command, c *stack.Config, replicas int) {
	cmd.Flags().StringVar(&c.Kafka, "kafka", "embedded", "broker: embedded, apache (needs java), apache3 (three nodes), or HOST:PORT")
	cmd.Flags().StringVar(&c.Postgres, "postgres", "embedded", "database: embedded, or the URL of a superuser")
	cmd.Flags().IntVar(&c.Replicas, "replicas", replicas, "of each service")
	cmd.Flags().BoolVar(&c.Jaeger, "jaeger", false, "start Jaeger and send it every trace")
}

// finish fills in what no flag says.
func finish(c *stack.Config) error {
	root, err := stack.FindRoot()
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	c.Root, c.Out = root, os.Stderr
	if err := c.Validate(); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	return nil
}
