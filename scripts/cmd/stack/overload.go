package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"ordersaga.internal/contracts"
	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/overload"
	"ordersaga.internal/scripts/internal/stack"
)

type overloadOptions struct {
	stack       stack.Config
	limit       float64
	offered     float64
	before      time.Duration
	flood       time.Duration
	after       time.Duration
	seed        uint64
	ignoreTimes bool
	output      string
}

// What must hold, beside that nothing is lost, made up or unanswered.
const (
	leastGoodput  = 0.8 // of the limit
	mostShedMS    = 100 // 99 of 100 refusals
	mostToRecover = time.Minute
)

func overloadCommand() *cobra.Command {
	o := overloadOptions{}
	cmd := &cobra.Command{
		Use: "overload", Short: "Offer more orders than are taken, and see who waits", Args: cobra.NoArgs,
		Long: `Starts a fresh stack whose order API takes --limit orders a second. Offers four fifths of that, then --offered for a while,
then four fifths again, each at a steady rate however long the answers take; all along some orders are read, cancelled and
placed again with their keys. Exit code 1: an order was lost, a refused one stored, an answer was not as it must be, an
invariant does not hold; or, unless --ignore-times, less than four fifths of the limit were accepted and ended while the
flood lasted, one refusal of a hundred took 100 ms or more, or it was not normal again within a minute.`,
		Example: "  scripts/overload\n  scripts/overload --limit 50 --offered 200 --flood 5s --before 3s --after 8s --ignore-times -o json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.limit <= 0 || o.offered <= 0 || o.before <= 0 || o.flood <= 0 || o.after <= 0 {
				return fmt.Errorf("%w: --limit, --offered, --before, --flood and --after must be positive", errUsage)
			}
			o.stack.Env = append(o.stack.Env, "ADMISSION_RATE="+strconv.FormatFloat(o.limit/float64(max(1, o.stack.Replicas)), 'g', -1, 64))
			return onFreshStack(cmd.Context(), o.stack, func(s *stack.Stack) error { return overloadOn(cmd.Context(), s, &o, cmd.OutOrStdout()) })
		},
	}
	stackFlags(cmd, &o.stack, 1)
	cmd.Flags().Float64Var(&o.limit, "limit", 500, "orders a second that are taken, over all replicas")
	cmd.Flags().Float64Var(&o.offered, "offered", 2000, "orders a second in the flood")
	cmd.Flags().DurationVar(&o.before, "before", 15*time.Second, "calm before the flood")
	cmd.Flags().DurationVar(&o.flood, "flood", 2*time.Minute, "length of the flood")
	cmd.Flags().DurationVar(&o.after, "after", 30*time.Second, "calm after the flood")
	cmd.Flags().Uint64Var(&o.seed, "seed", 1, "of the orders")
	cmd.Flags().BoolVar(&o.ignoreTimes, "ignore-times", false, "let neither times nor rates decide the exit code")
	cmd.Flags().StringVarP(&o.output, "output", "o", "text", "text or json")
	return cmd
}

// overloadResult is what a run prints.
type overloadResult struct {
	Limit     float64        `json:"limit_per_s"`
	Offered   float64        `json:"offered_per_s"`
	Before    overload.Phase `json:"before"`
	Flood     overload.Phase `json:"flood"`
	After     overload.Phase `json:"after"`
	Recovered bool           `json:"recovered"`
	Recovery  float64        `json:"recovery_s"` // from the end of the flood

	Broken     int      `json:"wrong_answers"` // neither as they should be nor 503 with Retry-After
	Lost       int      `json:"lost"`          // accepted, and not stored or never ended
	Stored     int      `json:"refused_but_stored"`
	Untold     int      `json:"stored_but_untold"`
	Violations []string `json:"violations"`
	Fails      []string `json:"does_not_hold"`
}

func overloadOn(ctx context.Context, s *stack.Stack, o *overloadOptions, out io.Writer) error {
	token, err := s.Keys.Token("overload", "customer", time.Hour)
	if err != nil {
		return err
	}
	tapCtx, stopTap := context.WithCancel(ctx)
	defer stopTap()
	ends := load.NewEnds()
	wait, err := load.Tap(tapCtx, s.Brokers, []string{contracts.OrderEvents}, true, ends.See)
	if err != nil {
		return err
	}
	traffic := overload.New(load.NewClient(s.APIs("order"), token), o.seed)
	parts, floodEnd := offer(ctx, traffic, o)
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("interrupted: %w", err)
	}
	all := slices.Concat(parts[:]...)
	settle(ctx, ends, acceptedOf(all), 2*time.Minute)
	stopTap()
	if err := wait(); err != nil {
		return err
	}
	res, err := sumUp(ctx, s, o, parts, all, floodEnd, ends)
	if err != nil {
		return err
	}
	if err := printOverload(out, o.output, res); err != nil {
		return err
	}
	if len(res.Fails) > 0 {
		return fmt.Errorf("does not hold: %d of what must", len(res.Fails))
	}
	return nil
}

// offer sends a warm-up and the three parts, and returns the answers of each, the warm-up's first.
func offer(ctx context.Context, traffic *overload.Traffic, o *overloadOptions) (parts [4][]overload.Answer, floodEnd time.Time) {
	calm := overload.Rates{Place: 0.8 * o.limit, Repeat: o.limit / 25, Read: o.limit / 10, Cancel: o.limit / 50}
	flood := calm
	flood.Place = o.offered
	for i, part := range []struct {
		name  string
		rates overload.Rates
		d     time.Duration
	}{{"warming up", calm, min(5*time.Second, o.before)}, {"calm", calm, o.before}, {"flood", flood, o.flood}, {"calm again", calm, o.after}} {
		fmt.Fprintf(os.Stderr, "%s: %g orders/s for %s\n", part.name, part.rates.Place, part.d)
		began := time.Now()
		parts[i] = traffic.Run(ctx, part.rates, part.d)
		if i == 2 {
			floodEnd = began.Add(part.d)
		}
	}
	return parts, floodEnd
}

func acceptedOf(answers []overload.Answer) (n int) {
	for i := range answers {
		if a := &answers[i]; a.Kind == overload.Place && a.Outcome == overload.Done {
			n++
		}
	}
	return n
}

// acceptedIDs are the orders that were answered 202.
func acceptedIDs(answers []overload.Answer) iter.Seq[uuid.UUID] {
	return func(yield func(uuid.UUID) bool) {
		for i := range answers {
			if a := &answers[i]; a.Kind == overload.Place && a.Outcome == overload.Done && !yield(a.Order) {
				return
			}
		}
	}
}

func sumUp(ctx context.Context, s *stack.Stack, o *overloadOptions, parts [4][]overload.Answer, all []overload.Answer, floodEnd time.Time, ends *load.Ends) (*overloadResult, error) {
	res := &overloadResult{
		Limit: o.limit, Offered: o.offered,
		Before: overload.Summarize(parts[1], o.before, ends),
		Flood:  overload.Summarize(parts[2], o.flood, ends),
		After:  overload.Summarize(parts[3], o.after, ends),
	}
	after, ok := overload.Recovery(parts[3], floodEnd, res.Before, ends)
	res.Recovered, res.Recovery = ok, after.Seconds()
	for i := range all {
		a := &all[i]
		if a.Outcome == overload.Broken {
			if res.Broken++; res.Broken <= 10 {
				fmt.Fprintln(os.Stderr, "wrong answer:", a.Why)
			}
		}
		if _, ended := ends.Of(a.Order); a.Kind == overload.Place && a.Outcome == overload.Done && !ended {
			res.Lost++
		}
	}
	url, err := s.Database("orders")
	if err != nil {
		return nil, err
	}
	var missing int
	if res.Stored, res.Untold, missing, err = overload.Stored(ctx, url, all); err != nil {
		return nil, err
	}
	res.Lost += missing
	v, err := judged(ctx, s, acceptedIDs(all), restPatience)
	if err != nil {
		return nil, err
	}
	res.Violations = against(v)
	res.judge(o.ignoreTimes)
	return res, nil
}

// judge says what does not hold.
func (r *overloadResult) judge(ignoreTimes bool) {
	r.Fails = []string{}
	must := func(ok bool, format string, args ...any) {
		if !ok {
			r.Fails = append(r.Fails, fmt.Sprintf(format, args...))
		}
	}
	must(r.Broken == 0, "%d answers were wrong", r.Broken)
	must(r.Lost == 0, "%d accepted orders are lost", r.Lost)
	must(r.Stored == 0, "%d refused orders are stored", r.Stored)
	must(r.Untold == 0, "%d orders are stored that nobody placed", r.Untold)
	must(len(r.Violations) == 0, "%d invariants are violated", len(r.Violations))
	must(r.Flood.Shed > 0, "nothing was refused: it was no flood")
	must(r.Flood.Accepted > 0, "nothing was accepted in the flood")
	if ignoreTimes {
		return
	}
	must(r.Flood.Goodput >= leastGoodput*r.Limit, "%.0f orders/s were accepted and ended, of %g", r.Flood.Goodput, r.Limit)
	must(r.Flood.Shedding.P99 < mostShedMS, "one refusal of a hundred took %.0f ms or more", r.Flood.Shedding.P99)
	must(r.Recovered && r.Recovery <= mostToRecover.Seconds(), "it was not normal again within the time that was watched, or a minute")
}

func printOverload(out io.Writer, format string, r *overloadResult) error {
	if format == "json" {
		return printJSON(out, r)
	}
	fmt.Fprintf(out, "limit %g orders/s, offered %g\n\n%-26s %12s %12s %12s\n", r.Limit, r.Offered, "", "before", "flood", "after")
	phases := []*overload.Phase{&r.Before, &r.Flood, &r.After}
	row := func(name string, cell func(*overload.Phase) string) {
		fmt.Fprintf(out, "%-26s %12s %12s %12s\n", name, cell(phases[0]), cell(phases[1]), cell(phases[2]))
	}
	row("offered", func(p *overload.Phase) string { return strconv.Itoa(p.Offered) })
	row("accepted and ended", func(p *overload.Phase) string { return strconv.Itoa(p.Accepted) })
	row("  a second", func(p *overload.Phase) string { return fmt.Sprintf("%.1f", p.Goodput) })
	row("refused", func(p *overload.Phase) string { return strconv.Itoa(p.Shed) })
	row("repeats refused", func(p *overload.Phase) string { return strconv.Itoa(p.RepeatsShed) })
	row("refusals of 100 ms or more", func(p *overload.Phase) string { return strconv.Itoa(p.SlowShed) })
	for _, t := range []struct {
		name string
		of   func(*overload.Phase) load.Times
	}{
		{"refusal", func(p *overload.Phase) load.Times { return p.Shedding }},
		{"to the 202", func(p *overload.Phase) load.Times { return p.Accepting }},
		{"to the order's end", func(p *overload.Phase) load.Times { return p.Ending }},
		{"reading", func(p *overload.Phase) load.Times { return p.Reading }},
		{"cancelling", func(p *overload.Phase) load.Times { return p.Canceling }},
		{"repeating", func(p *overload.Phase) load.Times { return p.Repeating }},
		{"generator late by", func(p *overload.Phase) load.Times { return p.Late }},
	} {
		row(t.name+", p50 ms", func(p *overload.Phase) string { return fmt.Sprintf("%.1f", t.of(p).P50) })
		row("  p99 ms", func(p *overload.Phase) string { return fmt.Sprintf("%.1f", t.of(p).P99) })
		row("  most ms", func(p *overload.Phase) string { return fmt.Sprintf("%.1f", t.of(p).Max) })
	}
	recovery := "not seen"
	if r.Recovered {
		recovery = fmt.Sprintf("after %.0f s", r.Recovery)
	}
	fmt.Fprintf(out, "\nnormal again %s; wrong answers %d, lost %d, refused but stored %d, stored but untold %d, violations %d\n",
		recovery, r.Broken, r.Lost, r.Stored, r.Untold, len(r.Violations))
	for _, line := range slices.Concat(r.Violations, r.Fails) {
		fmt.Fprintln(out, "  ", line)
	}
	return nil
}
