package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/stack"
)

// demoOrder is one life to show.
type demoOrder struct {
	title  string
	order  load.Order
	cancel bool
	want   string // the event that must end it
}

func demoOrders() []demoOrder {
	order := func(sku, method string) load.Order {
		return load.Order{Lines: []load.Line{{SKU: sku, Quantity: 2}}, PaymentMethod: method, ShipTo: "addr-1"}
	}
	return []demoOrder{
		{"completes", order("SKU-0001", "pm_ok"), false, "OrderCompleted"},
		{"is declined by the provider", order("SKU-0002", "pm_declined"), false, "OrderRejected"},
		{"is out of stock", order("SOLD-OUT", "pm_ok"), false, "OrderRejected"},
		{"is found damaged at dispatch, after the money was taken", order("DAMAGED", "pm_ok"), false, "OrderRejected"},
		// The provider fails this one at first, so that the cancellation comes in time however slow it is.
		{"is cancelled in flight", order("SKU-0003", "pm_flap"), true, "OrderCancelled"},
	}
}

func demoCommand() *cobra.Command {
	c := stack.Config{Services: stack.Everything()}
	var then string
	cmd := &cobra.Command{
		Use: "demo", Short: "Show the main job on a fresh stack, check it, leave nothing running", Args: cobra.NoArgs,
		Example: "  scripts/demo\n  scripts/demo --kafka apache",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return onFreshStack(cmd.Context(), c, func(s *stack.Stack) error { return demo(cmd.Context(), s, then, cmd.OutOrStdout()) })
		},
	}
	stackFlags(cmd, &c, 1)
	cmd.Flags().StringVar(&then, "then", "", "a command to run against the stack before it goes down; {brokers} stands for the broker's address")
	return cmd
}

func demo(ctx context.Context, s *stack.Stack, then string, out io.Writer) error {
	orders, err := showLives(ctx, s, out)
	if err != nil {
		return err
	}
	v, err := judged(ctx, s, slices.Values(orders), restPatience)
	if err != nil {
		return err
	}
	violations := against(v)
	for _, v := range violations {
		fmt.Fprintln(out, "VIOLATION:", v)
	}
	if len(violations) > 0 {
		return fmt.Errorf("%d invariants do not hold", len(violations))
	}
	fmt.Fprintf(out, "\nInvariants hold, by %d records and %d lines of the provider's ledger: money, stock, no dispatch without captured\nmoney, one effect an operation, one end an order, every message in order and every effect explained.\n", v.Records, v.Ledger)
	archived, err := s.Program("archive").Ask(ctx, "verify", "--verify-wait", "30s")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nThe archive equals the log:\n%s", archived)
	if then == "" {
		return nil
	}
	args := strings.Fields(strings.ReplaceAll(then, "{brokers}", s.Brokers))
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("--then: %w", err)
	}
	return nil
}

// lives collects every message of every order, in the order in which a tap of all topics reads them.
type lives struct {
	mu   sync.Mutex
	seen map[uuid.UUID][]*kgo.Record
}

func (l *lives) see(r *kgo.Record) {
	id, err := uuid.ParseBytes(r.Key)
	if err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen[id] = append(l.seen[id], r)
}

func (l *lives) of(id uuid.UUID) []*kgo.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := append([]*kgo.Record(nil), l.seen[id]...)
	sort.SliceStable(out, func(i, j int) bool { return load.Header(out[i], "ce_time") < load.Header(out[j], "ce_time") })
	return out
}

// showLives places the orders one by one, and prints what became of each.
func showLives(ctx context.Context, s *stack.Stack, out io.Writer) (placed []uuid.UUID, err error) {
	token, err := s.Keys.Token("alice", "customer", time.Hour)
	if err != nil {
		return nil, err
	}
	client := load.NewClient(s.APIs("order"), token)
	l := &lives{seen: map[uuid.UUID][]*kgo.Record{}}
	tapCtx, stopTap := context.WithCancel(ctx)
	defer stopTap()
	if _, err := load.Tap(tapCtx, s.Brokers, contracts.Topics(), true, l.see); err != nil {
		return nil, err
	}
	for _, d := range demoOrders() {
		id, err := client.Place(ctx, "", d.order)
		if err != nil {
			return nil, err
		}
		placed = append(placed, id)
		if d.cancel {
			if err := client.Cancel(ctx, id); err != nil {
				return nil, err
			}
		}
		if err := l.wait(ctx, id, d.want); err != nil {
			show(out, d.title, id, l.of(id))
			return nil, fmt.Errorf("the order that %s: %w", d.title, err)
		}
		show(out, d.title, id, l.of(id))
	}
	return placed, nil
}

// wait waits for the end of an order and for the tap to have read what led to it.
func (l *lives) wait(ctx context.Context, id uuid.UUID, want string) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, r := range l.of(id) {
			switch end := load.Name(r); end {
			case want:
				return nil
			case "OrderCompleted", "OrderRejected", "OrderCancelled":
				return fmt.Errorf("ended with %s, not %s", end, want)
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no %s: %w", want, ctx.Err())
		case <-tick.C:
		}
	}
}

func show(out io.Writer, title string, id uuid.UUID, records []*kgo.Record) {
	trace := ""
	var begin time.Time
	if len(records) > 0 {
		if f := strings.Split(load.Header(records[0], "traceparent"), "-"); len(f) == 4 {
			trace = f[1]
		}
		begin, _ = time.Parse(time.RFC3339Nano, load.Header(records[0], "ce_time"))
	}
	fmt.Fprintf(out, "\nAn order that %s\n  order %s  trace %s\n", title, id, trace)
	for _, r := range records {
		at, _ := time.Parse(time.RFC3339Nano, load.Header(r, "ce_time"))
		attempt := ""
		if a := load.Header(r, "ce_attempt"); a != "" && a != "1" {
			attempt = " (attempt " + a + ")"
		}
		fmt.Fprintf(out, "  %+7.1f ms  %-18s %s%s\n", float64(at.Sub(begin).Microseconds())/1000, r.Topic, load.Name(r), attempt)
	}
}
