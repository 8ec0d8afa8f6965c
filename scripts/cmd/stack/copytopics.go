package main

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/scripts/internal/stack"
)

func copyTopicsCommand() *cobra.Command {
	var brokers, from, to string
	var replication int16
	cmd := &cobra.Command{
		Use: "copy-topics", Short: "Copy all topics under another prefix, as they are", Args: cobra.NoArgs,
		Long: "Makes the topics under another prefix and copies every record to the partition that it is on. For topics that got more\n" +
			"partitions than they may have. No program may run meanwhile: infra/docs/decisions/partition-count.md.",
		Example: "  scripts/stack copy-topics --brokers 127.0.0.1:9092 --from '' --to again.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if from == to {
				return fmt.Errorf("%w: --from and --to are the same", errUsage)
			}
			newClient := func(opts ...kgo.Opt) (*kgo.Client, error) {
				return kafka.NewClient(kafka.Config{Brokers: strings.Split(brokers, ","), ClientID: "copy-topics"}, slog.New(slog.DiscardHandler), opts...)
			}
			client, err := newClient()
			if err != nil {
				return err
			}
			defer client.Close()
			if err := kafka.EnsureTopics(cmd.Context(), client, to, stack.Topics(), contracts.Partitions, replication, int(replication)/2+1); err != nil {
				return err
			}
			n, err := kafka.CopyTopics(cmd.Context(), newClient, from, to, contracts.Topics(), contracts.Partitions)
			fmt.Fprintf(cmd.OutOrStdout(), "%d records copied\n", n)
			return err
		},
	}
	cmd.Flags().StringVar(&brokers, "brokers", "127.0.0.1:9092", "host:port, with commas")
	cmd.Flags().StringVar(&from, "from", "", "prefix of the topics that are copied")
	cmd.Flags().StringVar(&to, "to", "", "prefix of the topics that are made")
	cmd.Flags().Int16Var(&replication, "replication", 1, "factor of the topics that are made")
	return cmd
}
