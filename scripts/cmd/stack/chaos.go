package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"ordersaga.internal/contracts"
	"ordersaga.internal/scripts/internal/chaos"
	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/stack"
)

type chaosOptions struct {
	stack   stack.Config
	minutes float64
	seed    uint64
	rate    float64
	faults  string
	output  string
	keep    bool
}

func chaosCommand() *cobra.Command {
	o := chaosOptions{stack: stack.Config{Postgres: "embedded", Proxies: true}}
	cmd := &cobra.Command{
		Use: "chaos", Short: "Break everything under load, heal it, then check everything", Args: cobra.NoArgs,
		Long: `Starts a fresh stack with two replicas of every service and a proxy on every link, and places orders of every kind in
waves while it kills, pauses and restarts programs, brokers and PostgreSQL, makes groups rebalance, cuts, silences and
delays links, loses the answers of COMMITs and fills disks, as drawn from the seed. Then it heals everything, waits until
every order ended, and checks. A fault starts only while at least 50 orders are on their way, and counts when it really
happened. Exit code 1: something does not hold, or a kind of fault never happened, which makes the run void.`,
		Example: "  scripts/chaos --kafka apache\n  scripts/chaos --minutes 20 --kafka apache3 --seed 7\n  scripts/chaos --faults kill,lose-commit",
		RunE:    func(cmd *cobra.Command, _ []string) error { return chaosRun(cmd.Context(), &o, cmd.OutOrStdout()) },
	}
	cmd.Flags().StringVar(&o.stack.Kafka, "kafka", "embedded", "broker: embedded, apache (needs java), or apache3 (three nodes)")
	cmd.Flags().IntVar(&o.stack.Replicas, "replicas", 2, "of each service")
	cmd.Flags().Float64Var(&o.minutes, "minutes", 3, "how long to break things")
	cmd.Flags().Uint64Var(&o.seed, "seed", 1, "of the orders and the faults")
	cmd.Flags().Float64Var(&o.rate, "rate", 50, "orders a second, on average; they come in waves")
	cmd.Flags().StringVar(&o.faults, "faults", "", "only these kinds, with commas")
	cmd.Flags().StringVarP(&o.output, "output", "o", "text", "text or json")
	cmd.Flags().BoolVar(&o.keep, "keep", false, "keep the folder with logs and data, and its small disks, to look into")
	return cmd
}

func chaosRun(ctx context.Context, o *chaosOptions, out io.Writer) error {
	kinds, err := chaos.ParseKinds(o.faults)
	if err != nil {
		return fmt.Errorf("%w: --faults: %w", errUsage, err)
	}
	if o.minutes <= 0 || o.rate <= 0 || o.output != "text" && o.output != "json" || o.stack.Kafka != "embedded" && o.stack.Kafka != "apache" && o.stack.Kafka != "apache3" {
		return fmt.Errorf("%w: --minutes and --rate must be positive, --output text or json, --kafka embedded, apache or apache3", errUsage)
	}
	if err := finish(&o.stack); err != nil {
		return err
	}
	if o.stack.Dir, err = os.MkdirTemp("", "ordersaga-chaos-*"); err != nil {
		return fmt.Errorf("temporary folder: %w", err)
	}
	length := time.Duration(o.minutes * float64(time.Minute))
	disks, err := smallDisks(o, length)
	if err != nil {
		return errors.Join(err, os.RemoveAll(o.stack.Dir))
	}
	err = chaosIn(ctx, o, chaos.Config{Length: length, Seed: o.seed, Kinds: kinds, Disks: disks, Out: os.Stderr}, out)
	if o.keep {
		fmt.Fprintln(os.Stderr, "kept:", o.stack.Dir)
		return err
	}
	return errors.Join(err, disks.Remove(), os.RemoveAll(o.stack.Dir))
}

// chaosIn runs everything in the folder that the options name.
func chaosIn(ctx context.Context, o *chaosOptions, c chaos.Config, out io.Writer) error {
	s, err := stack.Up(ctx, o.stack)
	if err != nil {
		return err
	}
	defer s.Down()
	if err := load.Seed(ctx, s); err != nil {
		return err
	}
	token, err := s.Keys.Token("chaos", "customer", 24*time.Hour)
	if err != nil {
		return err
	}
	crowd := load.NewCrowd(load.NewClient(s.APIs("order"), token))
	report, err := breakAndHeal(ctx, s, crowd, c, o.rate)
	if err != nil {
		return err
	}
	if err := report.judge(ctx, s, crowd); err != nil {
		return err
	}
	if err := report.print(out, o.output); err != nil {
		return err
	}
	return report.verdict()
}

// smallDisks makes the disks that can be filled, large enough for a run of this length.
func smallDisks(o *chaosOptions, length time.Duration) (*chaos.Disks, error) {
	size := int64(900<<20) + int64(length.Minutes()*o.rate)<<20
	folders := []string{filepath.Join(o.stack.Dir, "postgres")}
	switch o.stack.Kafka {
	case "apache":
		folders = append(folders, filepath.Join(o.stack.Dir, "apache"))
	case "apache3":
		for n := 1; n <= 3; n++ {
			folders = append(folders, filepath.Join(o.stack.Dir, "apache3", fmt.Sprintf("broker-%d", n)))
		}
	}
	o.stack.SmallDisks = true
	return chaos.MakeDisks(size, folders...)
}

// hopelessBefore is how long before the end of the faults the last order comes that can only wait for its deadline.
const hopelessBefore = 45 * time.Second

// breakAndHeal places orders while things break, and returns when every order that will end has.
func breakAndHeal(ctx context.Context, s *stack.Stack, crowd *load.Crowd, c chaos.Config, rate float64) (*chaosReport, error) {
	tapping, stopTap := context.WithCancel(ctx)
	defer stopTap()
	tapped, err := load.Tap(tapping, s.Brokers, []string{contracts.OrderEvents}, true, crowd.See)
	if err != nil {
		return nil, err
	}
	x, err := chaos.New(ctx, s, &crowd.Flights, c)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	if err := crowd.During(ctx, rate, c.Seed, begin.Add(max(c.Length/3, c.Length-hopelessBefore)), x.Run); err != nil {
		return nil, err
	}
	r := &chaosReport{Seed: c.Seed, Kafka: s.Config.Kafka, Seconds: time.Since(begin).Seconds(), Faults: x.Counts(), Notes: x.Notes()}
	fmt.Fprintln(c.Out, "waiting until every order ended")
	operator, err := load.NewOperator(s)
	if err != nil {
		return nil, err
	}
	err = chaos.Settle(ctx, &crowd.Flights, func(ctx context.Context) error {
		steps, err := operator.ReleaseStorms(ctx, "everything was healed; what hangs now may be undone")
		r.Storms = append(r.Storms, steps...)
		return err
	}, c.Out)
	if err != nil {
		return nil, err
	}
	stopTap()
	return r, tapped()
}
