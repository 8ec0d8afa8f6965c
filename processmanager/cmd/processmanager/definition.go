package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/google/uuid"
	"github.com/spf13/pflag"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/postgres"
	"ordersaga.internal/infra/program"
	"ordersaga.internal/processmanager/internal/fulfilment"
	"ordersaga.internal/processmanager/internal/recorded"
	"ordersaga.internal/processmanager/internal/shadow"
	"ordersaga.internal/processmanager/saga"
)

// errDiffer is the exit code of a comparison that found something.
var errDiffer = errors.New("the versions do not do the same")

// definitionCommand looks at versions of a set.
func definitionCommand(set *saga.Set) program.Command[config] {
	var d diffFlags
	return program.Command[config]{
		Name: "definition", Short: "Look at the versions of the saga's definition",
		Commands: []program.Command[config]{{
			Name: "diff", Short: "Say where a version's commands would differ from those that recorded orders led to",
			Long: "Runs a version of the definition over the recorded histories of orders that began under another one, and says where its " +
				"commands would differ. Nothing is sent or changed. Exit code 1: they differ.",
			Example: "  processmanager definition diff --from 1 --to 2\n  processmanager definition diff --from 1 --to 2 --order 0199b1de-7c1e-7aaa-8bbb-0123456789ab -o json",
			Need:    "look", Flags: d.define,
			Do: func(ctx context.Context, c config, out io.Writer) error { return d.run(ctx, c, set, out) },
		}},
	}
}

type diffFlags struct {
	from, to, limit int
	order, output   string
}

func (d *diffFlags) define(flags *pflag.FlagSet) {
	flags.IntVar(&d.from, "from", 1, "version that the orders began under")
	flags.IntVar(&d.to, "to", 0, "version to compare with")
	flags.IntVar(&d.limit, "limit", 1000, "how many orders, the newest first")
	flags.StringVar(&d.order, "order", "", "only this order")
	flags.StringVarP(&d.output, "output", "o", "text", "text or json")
}

func (d *diffFlags) run(ctx context.Context, c config, set *saga.Set, out io.Writer) error {
	name := fulfilment.Newest.Name
	w := recorded.Wanted{Version: shadow.Version{Definition: name, Version: d.from}, Limit: d.limit}
	other := shadow.Version{Definition: name, Version: d.to}
	for _, v := range []shadow.Version{w.Version, other} {
		if !set.Holds(v.Definition, v.Version) {
			return program.Usage(fmt.Errorf("there is no %s: see --from and --to", v))
		}
	}
	if d.output != "text" && d.output != "json" {
		return program.Usage(errors.New("--output must be text or json"))
	}
	if d.order != "" {
		var err error
		if w.Order, err = uuid.Parse(d.order); err != nil {
			return program.Usage(fmt.Errorf("--order: %w", err))
		}
	}
	report, err := compare(ctx, c, set, w, other)
	if err != nil {
		return err
	}
	if err := show(out, report, d.output); err != nil {
		return err
	}
	if report.Differ > 0 {
		return errDiffer
	}
	return nil
}

// compare reads what happened and replays it.
func compare(ctx context.Context, c config, set *saga.Set, w recorded.Wanted, to shadow.Version) (shadow.Report, error) {
	pool, err := postgres.Open(ctx, c.DatabaseURL, postgres.MaxConns(1))
	if err != nil {
		return shadow.Report{}, err
	}
	defer pool.Close()
	histories, places, err := recorded.Lines(ctx, pool, w)
	if err != nil {
		return shadow.Report{}, err
	}
	log := recorded.Log{Prefix: c.KafkaTopicPrefix, Codec: contracts.NewRegistry(), Client: func(opts ...kgo.Opt) (*kgo.Client, error) {
		return kafka.NewClient(kafka.Config{Brokers: c.KafkaBrokers, ClientID: service + "-definition"}, slog.New(slog.DiscardHandler), opts...)
	}}
	bodies, err := log.Bodies(ctx, places)
	if err != nil {
		return shadow.Report{}, program.NotReachable(err)
	}
	whole, broken := recorded.Fill(histories, bodies)
	report := shadow.Diff(set, w.Version, to, whole)
	report.Orders += len(broken)
	report.Unreplayable = append(report.Unreplayable, broken...)
	return report, nil
}

func show(w io.Writer, report shadow.Report, output string) error {
	if output == "json" {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(report)
	}
	return report.Write(w)
}
