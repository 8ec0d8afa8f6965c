// Command stack runs, shows and measures the whole system on this machine. The scripts beside it are its subcommands.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"ordersaga.internal/scripts/internal/check/read"
	"ordersaga.internal/scripts/internal/exit"
	"ordersaga.internal/scripts/internal/stack"
)

// errUsage marks an error of the command line or the settings.
var errUsage = exit.ErrUsage

func main() {
	root := &cobra.Command{Use: "scripts", CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true}}
	root.AddCommand(upCommand(), tokenCommand(), stack.BrokerCommand(), demoCommand(), benchCommand(), testCommand(), chaosCommand(), exploreCommand(), overloadCommand(), upgradeCommand(), archiveBenchCommand(), copyTopicsCommand(), rebuildCommand(), poisonCommand())
	exit.Main(root, read.ErrUnreachable)
}

// stackFlags are the flags of every command that starts a stack.
func stackFlags(cmd *cobra.Command, c *stack.Config, replicas int) {
	cmd.Flags().StringVar(&c.Kafka, "kafka", "embedded", "broker: embedded, apache (needs java), apache3 (three nodes), or HOST:PORT")
	cmd.Flags().StringVar(&c.Postgres, "postgres", "embedded", "database: embedded, or the URL of a superuser")
	cmd.Flags().IntVar(&c.Replicas, "replicas", replicas, "of each service")
	cmd.Flags().StringVar(&c.Tags, "tags", "", "build the programs with them: duplicator makes every input come twice")
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
