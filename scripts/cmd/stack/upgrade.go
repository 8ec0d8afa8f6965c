package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"ordersaga.internal/contracts"
	"ordersaga.internal/scripts/internal/chaos"
	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/stack"
	"ordersaga.internal/scripts/internal/upgrade"
)

type upgradeOptions struct {
	stack  stack.Config
	from   string
	plain  bool
	seed   uint64
	rate   float64
	least  int
	rest   time.Duration
	output string
}

func upgradeCommand() *cobra.Command {
	o := upgradeOptions{}
	cmd := &cobra.Command{
		Use: "upgrade", Short: "Replace an earlier commit's programs by these and back, under load", Args: cobra.NoArgs,
		Long: `Builds the programs of an earlier commit, which scripts/upgrade.pin names, and those of this checkout, with a migration more
for every schema: it adds a column to each table (--plain leaves it out). Starts a stack of two replicas of every earlier
program and places orders of every kind all along; migrates with the new programs, and replaces replica by replica by the new
ones, then back by the earlier ones. With half of them new, an earlier one is started again and migrates, which does nothing.
Then every order ends, and everything is checked. Exit code 1: an order was lost, did not end, was given up at a deadline; a
request was never answered or with an error of ours; a program did not stop as asked or did not start; an invariant is broken.`,
		Example: "  scripts/upgrade --kafka apache\n  scripts/upgrade --from HEAD~20 --plain -o json\n  scripts/upgrade --rate 200 --rest 1m --seed 7",
		RunE:    func(cmd *cobra.Command, _ []string) error { return upgradeRun(cmd.Context(), &o, cmd.OutOrStdout()) },
	}
	stackFlags(cmd, &o.stack, 2)
	cmd.Flags().StringVar(&o.from, "from", "", "the earlier commit (default: the one in "+upgrade.PinFile+")")
	cmd.Flags().BoolVar(&o.plain, "plain", false, "build this checkout as it is, without a migration more")
	cmd.Flags().Uint64Var(&o.seed, "seed", 1, "of the orders and of the order in which replicas are replaced")
	cmd.Flags().Float64Var(&o.rate, "rate", 50, "orders a second, on average; they come in waves")
	cmd.Flags().IntVar(&o.least, "least", 20, "a replica is replaced while at least so many orders are on their way")
	cmd.Flags().DurationVar(&o.rest, "rest", 5*time.Second, "before, between and after the halves of each way")
	cmd.Flags().StringVarP(&o.output, "output", "o", "text", "text or json")
	return cmd
}

func upgradeRun(ctx context.Context, o *upgradeOptions, out io.Writer) error {
	if o.rate <= 0 || o.least <= 0 || o.rest < 0 || o.output != "text" && o.output != "json" || o.stack.Replicas < 2 {
		return fmt.Errorf("%w: --rate and --least must be positive, --rest not negative, --replicas 2 to 4, --output text or json", errUsage)
	}
	if err := finish(&o.stack); err != nil {
		return err
	}
	if o.from == "" {
		var err error
		if o.from, err = upgrade.ReadPin(o.stack.Root); err != nil {
			return fmt.Errorf("%w: %w", errUsage, err)
		}
	}
	commit, err := upgrade.Resolve(ctx, o.stack.Root, o.from)
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	fmt.Fprintf(os.Stderr, "building the programs of %.12s\n", commit)
	if o.stack.Bin, err = upgrade.BuildEarlier(ctx, o.stack.Root, commit); err != nil {
		return err
	}
	return onFreshStack(ctx, o.stack, func(s *stack.Stack) error { return upgradeOn(ctx, s, o, commit, out) })
}

func upgradeOn(ctx context.Context, s *stack.Stack, o *upgradeOptions, commit string, out io.Writer) error {
	fmt.Fprintln(os.Stderr, "building the later programs")
	later, err := upgrade.BuildLater(ctx, s.Config.Root, s.Config.Dir, o.plain)
	if err != nil {
		return err
	}
	token, err := s.Keys.Token("upgrade", "customer", 24*time.Hour)
	if err != nil {
		return err
	}
	crowd := load.NewCrowd(load.NewClient(s.APIs("order"), token))
	roll := upgrade.New(s, &crowd.Flights, upgrade.Config{
		Bins:  map[upgrade.Version]string{upgrade.Earlier: o.stack.Bin, upgrade.Later: later},
		Plain: o.plain, Least: o.least, Rest: o.rest, Out: os.Stderr,
	})
	begin := time.Now()
	if err := rollUnderLoad(ctx, s, crowd, roll, o); err != nil {
		return err
	}
	report := upgradeReport{
		Earlier: commit, Plain: o.plain, Seed: o.seed, Kafka: s.Config.Kafka, Seconds: time.Since(begin).Seconds(),
		Swaps: roll.Swaps, Migrations: roll.Migrations, Violations: append([]string{}, roll.Violations...),
	}
	if err := report.judge(ctx, s, crowd); err != nil {
		return err
	}
	if err := report.print(out, o.output); err != nil {
		return err
	}
	return report.verdict()
}

// rollUnderLoad carries out the plan while orders are placed, and returns when every order that will end has.
func rollUnderLoad(ctx context.Context, s *stack.Stack, crowd *load.Crowd, roll *upgrade.Roll, o *upgradeOptions) error {
	tapping, stopTap := context.WithCancel(ctx)
	defer stopTap()
	tapped, err := load.Tap(tapping, s.Brokers, []string{contracts.OrderEvents}, true, crowd.See)
	if err != nil {
		return err
	}
	var services []string
	for _, svc := range stack.Services() {
		if svc.Replicated() {
			services = append(services, svc.Name)
		}
	}
	never := time.Time{} // is an order placed that can only wait for its deadline: whoever does is a victim
	if err := crowd.During(ctx, o.rate, o.seed, never, func(ctx context.Context) error {
		return roll.Run(ctx, upgrade.Plan(services, s.Config.Replicas, o.seed))
	}); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "waiting until every order ended")
	nobody := func(context.Context) error { return nil } // no operator: nothing may need one
	if err := chaos.Settle(ctx, &crowd.Flights, nobody, os.Stderr); err != nil {
		return err
	}
	stopTap()
	return tapped()
}
