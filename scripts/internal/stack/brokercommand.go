package stack

import (
	"fmt"

	"github.com/spf13/cobra"

	"ordersaga.internal/infra/localstack"
)

// BrokerCommand runs the embedded broker in a process of its own: the one that started the stack, with these arguments.
func BrokerCommand() *cobra.Command {
	var c localstack.EmbeddedKafkaConfig
	cmd := &cobra.Command{
		Use: "broker", Short: "Run the embedded broker", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			k, err := localstack.StartEmbeddedKafka(c)
			if err != nil {
				return fmt.Errorf("broker: %w", err)
			}
			<-cmd.Context().Done()
			k.Stop()
			return nil
		},
	}
	cmd.Flags().StringVar(&c.Dir, "dir", "", "where the log is kept")
	cmd.Flags().IntVar(&c.Port, "port", 9092, "port on 127.0.0.1")
	cmd.Flags().StringVar(&c.Advertised, "advertised", "", "what clients are told instead: a proxy's host:port")
	return cmd
}
