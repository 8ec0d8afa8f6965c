package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"ordersaga.internal/contracts"
	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/poison"
	"ordersaga.internal/scripts/internal/stack"
)

type poisonOptions struct {
	stack       stack.Config
	pairs       int
	rate        float64
	seconds     time.Duration
	warmup      time.Duration
	oneIn       int
	seed        uint64
	ignoreTimes bool
	output      string
}

// mostLoss is how much of the throughput may be lost, and by how much half of the orders may take longer.
const mostLoss = 0.1

func poisonCommand() *cobra.Command {
	o := poisonOptions{}
	cmd := &cobra.Command{
		Use: "poison", Short: "Let some orders fail for ever under load, see what the others lose, then redrive them", Args: cobra.NoArgs,
		Long: `Starts a fresh stack and places orders at a steady rate, in pairs of windows. In one window of a pair the process manager's
database refuses what becomes of one order in --one-in in the middle of its saga, as a program with a mistake would: it is a
dead letter, and at least two later messages of the order wait behind it. Prints, of the other orders, how many ended a second,
and how long they took, in either window. After each poisoned window the mistake is mended and an operator redrives the orders,
while new orders and new messages of these orders keep coming. Exit code 1: an order did not wait or was overtaken, is not set
right as a clean one, or an invariant does not hold; or, unless --ignore-times, over the pairs the median loss of the others'
throughput, or what half of them take longer, is a tenth or more.`,
		Example: "  scripts/poison --kafka apache\n  scripts/poison --pairs 1 --rate 100 --seconds 6s --warmup 2s --one-in 20 --ignore-times -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.pairs < 1 || o.rate <= 0 || o.seconds <= 0 || o.warmup < 0 || o.oneIn < 2 || o.output != "text" && o.output != "json" {
				return fmt.Errorf("%w: --pairs, --rate and --seconds must be positive, --warmup not negative, --one-in at least 2, --output text or json", errUsage)
			}
			if o.rate*o.seconds.Seconds() < 3*float64(o.oneIn) {
				return fmt.Errorf("%w: fewer than three orders of a window would be poisoned", errUsage)
			}
			return onFreshStack(cmd.Context(), o.stack, func(s *stack.Stack) error { return poisonOn(cmd.Context(), s, &o, cmd.OutOrStdout()) })
		},
	}
	stackFlags(cmd, &o.stack, 1)
	cmd.Flags().IntVar(&o.pairs, "pairs", 10, "of windows; the clean one comes first in every other pair")
	cmd.Flags().Float64Var(&o.rate, "rate", 500, "orders a second")
	cmd.Flags().DurationVar(&o.seconds, "seconds", 20*time.Second, "that are measured of each window")
	cmd.Flags().DurationVar(&o.warmup, "warmup", 5*time.Second, "of each window, before it is measured")
	cmd.Flags().IntVar(&o.oneIn, "one-in", 100, "orders is poisoned")
	cmd.Flags().Uint64Var(&o.seed, "seed", 1, "of the orders")
	cmd.Flags().BoolVar(&o.ignoreTimes, "ignore-times", false, "let neither times nor rates decide the exit code")
	cmd.Flags().StringVarP(&o.output, "output", "o", "text", "text or json")
	return cmd
}

// poisonResult is what a run prints. Losses are medians over the pairs, as shares of the clean windows'.
type poisonResult struct {
	Kafka      string        `json:"kafka"`
	Rate       float64       `json:"rate_per_s"`
	OneIn      int           `json:"one_in"`
	Pairs      []poison.Pair `json:"pairs"`
	Throughput float64       `json:"throughput_lost"`
	Median     float64       `json:"median_longer"`
	Poisoned   int           `json:"poisoned"`
	Cancelled  int           `json:"poisoned_and_cancelled"` // by their customer, behind the poison
	Behind     [2]int        `json:"waited_behind"`          // fewest and most, when the mistake was mended
	Redriven   int           `json:"letters_redriven"`       // with those that came meanwhile
	Meanwhile  int           `json:"orders_placed_meanwhile"`
	Records    int64         `json:"records"`
	Repeats    int64         `json:"records_repeated"`
	Violations []string      `json:"violations"`
	Fails      []string      `json:"does_not_hold"` // the first few
	Failed     int           `json:"do_not_hold"`   // how many
}

func poisonOn(ctx context.Context, s *stack.Stack, o *poisonOptions, out io.Writer) error {
	ear := poison.NewEar()
	tapping, stopTap := context.WithCancel(ctx)
	defer stopTap()
	tapped, err := load.Tap(tapping, s.Brokers, contracts.Topics(), true, ear.Hear)
	if err != nil {
		return err
	}
	t, err := newTrial(s, o, ear)
	if err != nil {
		return err
	}
	defer t.mouth.Close()
	if err := t.lives(ctx); err != nil {
		return err
	}
	for n := range o.pairs {
		if err := t.pair(ctx, n); err != nil {
			return err
		}
	}
	stopTap()
	if err := tapped(); err != nil {
		return err
	}
	v, err := judged(ctx, s, slices.Values(t.placed), restPatience)
	if err != nil {
		return err
	}
	res := t.result
	res.Records, res.Repeats, res.Violations = v.Records, v.Repeats, against(v)
	res.Throughput, res.Median = poison.Of(res.Pairs, (*poison.Pair).Throughput), poison.Of(res.Pairs, (*poison.Pair).Median)
	if len(res.Violations) > 0 {
		t.fails("%d invariants are violated", len(res.Violations))
	}
	if !o.ignoreTimes && res.Throughput >= mostLoss {
		t.fails("the others lost %.1f %% of their throughput", 100*res.Throughput)
	}
	if !o.ignoreTimes && res.Median >= mostLoss {
		t.fails("half of the others took %.1f %% longer", 100*res.Median)
	}
	if err := printPoison(out, o.output, res); err != nil {
		return err
	}
	if res.Failed > 0 {
		return fmt.Errorf("does not hold: %d of what must", res.Failed)
	}
	return nil
}

func printPoison(out io.Writer, format string, r *poisonResult) error {
	if format == "json" {
		return printJSON(out, r)
	}
	fmt.Fprintf(out, "%g orders/s on %s; of the poisoned windows' orders one in %d waits. Of the others:\n\n", r.Rate, r.Kafka, r.OneIn)
	fmt.Fprintf(out, "%4s %19s %8s %19s %8s %19s %19s\n", "", "ended a second", "lost", "p50 ms from the 202", "longer", "p99 ms", "CPU s/1,000 orders")
	fmt.Fprintf(out, "%4s %9s %9s %8s %9s %9s %8s %9s %9s %9s %9s\n", "pair", "clean", "poisoned", "", "clean", "poisoned", "", "clean", "poisoned", "clean", "poisoned")
	for i := range r.Pairs {
		p := &r.Pairs[i]
		fmt.Fprintf(out, "%4d %9.1f %9.1f %6.1f %% %9.1f %9.1f %6.1f %% %9.1f %9.1f %9.3f %9.3f\n", i+1, p.Clean.PerS, p.Poisoned.PerS, 100*p.Throughput(),
			p.Clean.Ending.P50, p.Poisoned.Ending.P50, 100*p.Median(), p.Clean.Ending.P99, p.Poisoned.Ending.P99, p.Clean.CPU, p.Poisoned.CPU)
	}
	of := func(what func(*poison.Window) float64) (clean, poisoned float64) {
		return poison.Of(r.Pairs, func(p *poison.Pair) float64 { return what(&p.Clean) }), poison.Of(r.Pairs, func(p *poison.Pair) float64 { return what(&p.Poisoned) })
	}
	perS, perSPoisoned := of(func(w *poison.Window) float64 { return w.PerS })
	p50, p50Poisoned := of(func(w *poison.Window) float64 { return w.Ending.P50 })
	p99, p99Poisoned := of(func(w *poison.Window) float64 { return w.Ending.P99 })
	cpu, cpuPoisoned := of(func(w *poison.Window) float64 { return w.CPU })
	fmt.Fprintf(out, "%4s %9.1f %9.1f %6.1f %% %9.1f %9.1f %6.1f %% %9.1f %9.1f %9.3f %9.3f   medians\n", "", perS, perSPoisoned, 100*r.Throughput,
		p50, p50Poisoned, 100*r.Median, p99, p99Poisoned, cpu, cpuPoisoned)
	fmt.Fprintf(out, "\npoisoned %d orders, each with %d to %d messages behind it; %d of them cancelled meanwhile\n", r.Poisoned, r.Behind[0], r.Behind[1], r.Cancelled)
	fmt.Fprintf(out, "redriven %d messages, while %d new orders were placed\n", r.Redriven, r.Meanwhile)
	fmt.Fprintf(out, "the checker read %d records (%d of them repeats): %d violations\n", r.Records, r.Repeats, len(r.Violations))
	for _, line := range slices.Concat(r.Violations, r.Fails) {
		fmt.Fprintln(out, "  ", line)
	}
	return nil
}

// say tells people how far it has come.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
