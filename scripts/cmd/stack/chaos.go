package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/promise"
	"ordersaga.internal/scripts/internal/stack"
	"ordersaga.internal/scripts/internal/verify"
)

type chaosOptions struct {
	stack stack.Config
	rate  float64
	seed  uint64
	pause time.Duration
}

func chaosCommand() *cobra.Command {
	o := chaosOptions{}
	cmd := &cobra.Command{
		Use: "chaos", Short: "Kill every program in turn under load, then check everything", Args: cobra.NoArgs,
		Long: `Starts a fresh stack with two replicas, places orders at a steady rate, kills each program in turn with SIGKILL and
starts it again, waits until every order ended, and checks: the invariants, and the promise to readers of the topics.
Exit code 1: something does not hold.`,
		Example: "  scripts/chaos --kafka apache\n  scripts/chaos --rate 200 --seed 7",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return onFreshStack(cmd.Context(), o.stack, func(s *stack.Stack) error { return chaos(cmd.Context(), s, &o, cmd.OutOrStdout()) })
		},
	}
	stackFlags(cmd, &o.stack, 2)
	cmd.Flags().Float64Var(&o.rate, "rate", 200, "orders a second")
	cmd.Flags().Uint64Var(&o.seed, "seed", 1, "of the workload")
	cmd.Flags().DurationVar(&o.pause, "pause", 2*time.Second, "between a kill and the restart, and before the next kill")
	return cmd
}

func chaos(ctx context.Context, s *stack.Stack, o *chaosOptions, out io.Writer) error {
	ends, reader := load.NewEnds(), promise.New()
	tapCtx, stopTap := context.WithCancel(ctx)
	defer stopTap()
	wait, err := load.Tap(tapCtx, s.Brokers, contracts.Topics(), true, func(r *kgo.Record) { ends.See(r); reader.See(r) })
	if err != nil {
		return err
	}
	placed, err := loadAndKill(ctx, s, o, out)
	if err != nil {
		return err
	}
	settle(ctx, ends, len(placed.At), 2*time.Minute)
	stopTap()
	if err := wait(); err != nil {
		return err
	}
	return judge(ctx, s, placed, ends, reader, out)
}

// loadAndKill kills and restarts every program once while orders keep coming.
func loadAndKill(ctx context.Context, s *stack.Stack, o *chaosOptions, out io.Writer) (*load.Placed, error) {
	token, err := s.Keys.Token("chaos", "customer", time.Hour)
	if err != nil {
		return nil, err
	}
	client := load.NewClient(s.APIs("order"), token)
	loadCtx, stopLoad := context.WithCancel(ctx)
	defer stopLoad()
	done := make(chan *load.Placed, 1)
	go func() { done <- load.Run(loadCtx, client, 1<<30, 64, o.rate, o.seed, func(int) {}) }()
	for _, p := range s.Programs {
		if err := rest(ctx, o.pause); err != nil {
			return nil, err
		}
		if err := p.Process().Signal(syscall.SIGKILL); err != nil {
			return nil, err
		}
		<-p.Process().Done()
		if err := rest(ctx, o.pause); err != nil {
			return nil, err
		}
		if err := p.Start(); err != nil {
			return nil, err
		}
		ready, cancel := context.WithTimeout(ctx, time.Minute)
		err := p.WaitReady(ready)
		cancel()
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(out, "killed and restarted %s\n", p.Name())
	}
	if err := rest(ctx, o.pause); err != nil {
		return nil, err
	}
	stopLoad()
	return <-done, nil
}

// rest lets the load run for a while.
func rest(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return fmt.Errorf("interrupted: %w", ctx.Err())
	case <-time.After(d):
		return nil
	}
}

func judge(ctx context.Context, s *stack.Stack, placed *load.Placed, ends *load.Ends, reader *promise.Reader, out io.Writer) error {
	open := 0
	for id := range placed.At {
		if _, ok := ends.Of(id); !ok {
			open++
		}
	}
	records, broken := reader.Broken()
	violations, err := verify.Stack(ctx, s)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "orders accepted %d (requests that got no 202 while a program was down: %d), not ended %d\n", len(placed.At), placed.Failed.Load(), open)
	fmt.Fprintf(out, "records read %d, promise broken %d times; invariants violated %d times\n", records, len(broken), len(violations))
	for i, v := range append(violations, broken...) {
		if i == 20 {
			break
		}
		fmt.Fprintln(out, "  ", v)
	}
	if open+len(broken)+len(violations) > 0 {
		return errors.New("does not hold")
	}
	return nil
}
