package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/stack"
)

func upCommand() *cobra.Command {
	c := stack.Config{FixedPorts: true, Services: stack.Everything()}
	cmd := &cobra.Command{
		Use: "up", Short: "Run the whole system here until Ctrl-C", Args: cobra.NoArgs,
		Example: "  scripts/up\n  scripts/up --kafka apache --replicas 2 --jaeger",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := finish(&c); err != nil {
				return err
			}
			if !filepath.IsAbs(c.Dir) {
				c.Dir = filepath.Join(c.Root, c.Dir)
			}
			s, err := stack.Up(cmd.Context(), c)
			if err != nil {
				return err
			}
			defer s.Down()
			if err := load.Seed(cmd.Context(), s); err != nil {
				return err
			}
			if err := greet(cmd, s); err != nil {
				return err
			}
			return watch(cmd.Context(), s, cmd)
		},
	}
	stackFlags(cmd, &c, 1)
	cmd.Flags().StringVar(&c.Dir, "data", ".data", "where data, logs and keys are kept")
	return cmd
}

func greet(cmd *cobra.Command, s *stack.Stack) error {
	token, err := s.Keys.Token("alice", "customer", 12*time.Hour)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), `
Ready. Place an order:

TOKEN=%s
curl -i http://%s/v1/orders -H "Authorization: Bearer $TOKEN" -H "Idempotency-Key: $(date +%%s%%N)" \
  -H 'Content-Type: application/json' -d '{"lines":[{"sku":"SKU-0001","quantity":2}],"payment_method":"pm_ok","ship_to":"addr-1"}'

Tap a topic:   kcat -b %s -C -t order.events -f '%%k %%h %%s\n'
`, token, s.APIs("order")[0], s.Brokers)
	return err
}

// watch reports programs that die and leaves them dead, until ctx ends.
func watch(ctx context.Context, s *stack.Stack, cmd *cobra.Command) error {
	for _, p := range s.Programs {
		go func() {
			select {
			case <-ctx.Done():
			case <-p.Process().Done():
				if ctx.Err() == nil {
					cmd.PrintErrf("%s ended: %v; its log is %s\n", p.Name(), p.Process().Err(), p.Log)
				}
			}
		}()
	}
	<-ctx.Done()
	cmd.PrintErrln("stopping")
	return nil
}
