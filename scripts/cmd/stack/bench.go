package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sort"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"ordersaga.internal/contracts"
	"ordersaga.internal/scripts/internal/cpu"
	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/stack"
)

// benchResult is what a run prints. Times are in milliseconds; cpu_s_per_1000 is CPU seconds, user and system, for each
// 1,000 orders over all processes.
type benchResult struct {
	Orders       int                `json:"orders"`
	Completed    int                `json:"completed"`
	Rejected     int                `json:"rejected"`
	Cancelled    int                `json:"cancelled"`
	NotAccepted  int                `json:"not_accepted"`
	NotTerminal  int                `json:"not_terminal"`
	Violations   []string           `json:"violations"`
	Seconds      float64            `json:"seconds"`
	OrdersPerS   float64            `json:"orders_per_s"`
	P50          float64            `json:"p50_ms"`
	P99          float64            `json:"p99_ms"`
	P50Accepted  float64            `json:"p50_from_accepted_ms"`
	CPU          float64            `json:"cpu_s_per_1000"`
	CPUByProcess map[string]float64 `json:"cpu_s_per_1000_by_process"`
}

type benchOptions struct {
	stack     stack.Config
	n         int
	customers int
	rate      float64
	seed      uint64
	warmup    int
	output    string
}

func benchCommand() *cobra.Command {
	o := benchOptions{}
	cmd := &cobra.Command{
		Use: "bench", Short: "Place many orders on a fresh stack and measure", Args: cobra.NoArgs,
		Long: `Starts a fresh stack in a temporary folder, places orders over HTTP, waits until all are terminal, checks the
invariants and prints throughput, latency and CPU time by process. Exit code 1: a violation, or an order that did not end.`,
		Example: "  scripts/bench -n 30000 --kafka apache\n  scripts/bench -n 3000 --rate 100 -o json",
		RunE:    func(cmd *cobra.Command, _ []string) error { return bench(cmd.Context(), &o, cmd.OutOrStdout()) },
	}
	stackFlags(cmd, &o.stack, 1)
	cmd.Flags().IntVarP(&o.n, "orders", "n", 10000, "orders to place")
	cmd.Flags().IntVar(&o.customers, "customers", 128, "concurrent customers")
	cmd.Flags().Float64Var(&o.rate, "rate", 0, "orders a second (open loop); 0: as fast as they are accepted (closed loop)")
	cmd.Flags().Uint64Var(&o.seed, "seed", 1, "of the workload")
	cmd.Flags().IntVar(&o.warmup, "warmup", 2000, "orders before measuring")
	cmd.Flags().BoolVar(&o.stack.Statements, "statements", false, "also print the SQL statements that took longest (needs pg_stat_statements)")
	cmd.Flags().StringVarP(&o.output, "output", "o", "text", "text or json")
	return cmd
}

func bench(ctx context.Context, o *benchOptions, out io.Writer) error {
	if o.n < 1 || o.customers < 1 || o.rate < 0 || o.warmup < 0 {
		return fmt.Errorf("%w: -n and --customers must be positive, --rate and --warmup not negative", errUsage)
	}
	return onFreshStack(ctx, o.stack, func(s *stack.Stack) error { return benchOn(ctx, s, o, out) })
}

func benchOn(ctx context.Context, s *stack.Stack, o *benchOptions, out io.Writer) error {
	res, err := measure(ctx, s, o)
	if err != nil {
		return err
	}
	if o.stack.Statements {
		if err := printStatements(ctx, s, os.Stderr); err != nil {
			return err
		}
	}
	if err := printBench(out, o.output, res); err != nil {
		return err
	}
	if len(res.Violations) > 0 || res.NotTerminal > 0 || res.NotAccepted > 0 {
		return fmt.Errorf("does not hold: %d violations, %d orders not accepted, %d not terminal", len(res.Violations), res.NotAccepted, res.NotTerminal)
	}
	return nil
}

func measure(ctx context.Context, s *stack.Stack, o *benchOptions) (*benchResult, error) {
	token, err := s.Keys.Token("bench", "customer", time.Hour)
	if err != nil {
		return nil, err
	}
	client := load.NewClient(s.APIs("order"), token)
	tapCtx, stopTap := context.WithCancel(ctx)
	defer stopTap()
	ends := load.NewEnds()
	wait, err := load.Tap(tapCtx, s.Brokers, []string{contracts.OrderEvents}, true, ends.See)
	if err != nil {
		return nil, err
	}
	warm := load.Run(ctx, client, o.warmup, o.customers, 0, o.seed+1, func(int) {})
	settle(ctx, ends, len(warm.At), time.Minute)

	before, err := cpuTimes(s)
	if err != nil {
		return nil, err
	}
	bar := progressbar.NewOptions(o.n, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetDescription("placing"),
		progressbar.OptionThrottle(200*time.Millisecond), progressbar.OptionClearOnFinish())
	begin := time.Now()
	placed := load.Run(ctx, client, o.n, o.customers, o.rate, o.seed, func(int) { _ = bar.Add(1) })
	settle(ctx, ends, len(warm.At)+len(placed.At), 2*time.Minute)
	after, err := cpuTimes(s)
	if err != nil {
		return nil, err
	}
	stopTap()
	if err := wait(); err != nil {
		return nil, err
	}
	for _, e := range placed.Errors {
		fmt.Fprintln(os.Stderr, "note:", e)
	}
	res := summarize(placed, ends, begin)
	res.cpu(before, after)
	maps.Copy(placed.At, warm.At)
	v, err := judged(ctx, s, maps.Keys(placed.At), restPatience)
	if err != nil {
		return nil, err
	}
	res.Violations = against(v)
	return res, nil
}

// settle waits until so many orders ended, at most a while.
func settle(ctx context.Context, ends *load.Ends, want int, most time.Duration) {
	deadline := time.After(most)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for ends.Len() < want {
		select {
		case <-ctx.Done():
			return
		case <-deadline:
			return
		case <-tick.C:
		}
	}
}

func summarize(placed *load.Placed, ends *load.Ends, begin time.Time) *benchResult {
	res := &benchResult{Orders: len(placed.At), NotAccepted: int(placed.Failed.Load()), CPUByProcess: map[string]float64{}}
	var total, accepted []float64
	last := begin
	for id, at := range placed.At {
		end, ok := ends.Of(id)
		switch {
		case !ok:
			res.NotTerminal++
			continue
		case end.How == "OrderCompleted":
			res.Completed++
		case end.How == "OrderRejected":
			res.Rejected++
		default:
			res.Cancelled++
		}
		if end.At.After(last) {
			last = end.At
		}
		total = append(total, float64(end.At.Sub(at).Microseconds())/1000)
		accepted = append(accepted, float64(end.At.Sub(placed.Accepted[id]).Microseconds())/1000)
	}
	res.Seconds = last.Sub(begin).Seconds()
	res.OrdersPerS = float64(res.Orders-res.NotTerminal) / res.Seconds
	res.P50, res.P99, res.P50Accepted = quantile(total, 0.5), quantile(total, 0.99), quantile(accepted, 0.5)
	return res
}

func quantile(v []float64, q float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[int(q*float64(len(v)-1))]
}

// cpuTimes returns the CPU seconds of every process of the stack and of this one, which is the load generator.
func cpuTimes(s *stack.Stack) (map[string]float64, error) {
	out := map[string]float64{}
	for name, pid := range s.PIDs() {
		d, err := cpu.Of(pid)
		if err != nil {
			return nil, fmt.Errorf("CPU time of %s: %w", name, err)
		}
		out[name] = d.Seconds()
	}
	d, err := cpu.Self()
	if err != nil {
		return nil, fmt.Errorf("CPU time of the load generator: %w", err)
	}
	out["load generator"] = d.Seconds()
	return out, nil
}

func (r *benchResult) cpu(before, after map[string]float64) {
	for name, a := range after {
		per := (a - before[name]) / float64(max(1, r.Orders)) * 1000
		r.CPUByProcess[name] = per
		r.CPU += per
	}
}

func printBench(out io.Writer, format string, r *benchResult) error {
	if format == "json" {
		return printJSON(out, r)
	}
	fmt.Fprintf(out, "orders        %8d   completed %d, rejected %d, cancelled %d, not accepted %d, not terminal %d\n",
		r.Orders, r.Completed, r.Rejected, r.Cancelled, r.NotAccepted, r.NotTerminal)
	fmt.Fprintf(out, "throughput    %8.0f   orders/s\n", r.OrdersPerS)
	fmt.Fprintf(out, "latency p50   %8.1f   ms from placing to the end (from the 202: %.1f)\n", r.P50, r.P50Accepted)
	fmt.Fprintf(out, "latency p99   %8.1f   ms\n", r.P99)
	fmt.Fprintf(out, "CPU           %8.3f   s per 1,000 orders\n", r.CPU)
	names := make([]string, 0, len(r.CPUByProcess))
	for n := range r.CPUByProcess {
		names = append(names, n)
	}
	sort.Slice(names, func(i, j int) bool { return r.CPUByProcess[names[i]] > r.CPUByProcess[names[j]] })
	for _, n := range names {
		fmt.Fprintf(out, "  %-18s %6.3f\n", n, r.CPUByProcess[n])
	}
	fmt.Fprintf(out, "violations    %8d\n", len(r.Violations))
	for _, v := range r.Violations {
		fmt.Fprintln(out, "  ", v)
	}
	return nil
}
