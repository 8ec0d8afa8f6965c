package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/pflag"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/postgres"
	"ordersaga.internal/infra/program"
	"ordersaga.internal/services/order/internal/rebuild"
	"ordersaga.internal/services/order/internal/viewstore"
)

const rebuildShort = "Make the read model anew beside the live one, compare both, and swap them"

type rebuildFlags struct {
	from   string
	accept bool
}

func (r *rebuildFlags) define(f *pflag.FlagSet) {
	f.StringVar(&r.from, "from", "kafka", "where the events are read: kafka, or archive (and Kafka for what the archive has not yet)")
	f.BoolVar(&r.accept, "accept-differences", false, "swap although the rebuilt one differs: to mend a live one that is wrong")
}

// run rebuilds as the owner of the database: a generation is a table.
func (r *rebuildFlags) run(ctx context.Context, c config, out io.Writer) error {
	if c.DatabaseOwnerURL == "" {
		return program.Usage(errors.New("DATABASE_OWNER_URL is not set: the role that owns the schema"))
	}
	pool, err := postgres.Open(ctx, c.DatabaseOwnerURL, postgres.MaxConns(int32(c.Workers)+3)) //nolint:gosec // a handful
	if err != nil {
		return program.NotReachable(err)
	}
	defer pool.Close()
	for _, s := range schemas {
		if err := postgres.CheckMigrated(ctx, pool, s.Table, s.FS); err != nil {
			return err
		}
	}
	sources, free, err := r.sources(ctx, c)
	if err != nil {
		return err
	}
	defer free()
	progress := newProgress(out)
	b := rebuild.Rebuild{
		Generations: &viewstore.Generations{Pool: pool, Group: group},
		Sources:     sources, Codec: contracts.NewRegistry(), Prefix: c.KafkaTopicPrefix,
		Lanes: c.Workers, Progress: progress, Accept: r.accept,
	}
	result, err := b.Run(ctx)
	progress.end()
	if err != nil {
		return err
	}
	report(out, &result)
	return nil
}

// sources are those to ask in turn.
func (r *rebuildFlags) sources(ctx context.Context, c config) (sources []rebuild.Source, free func(), err error) {
	free = func() {}
	switch r.from {
	case "kafka":
	case "archive":
		if c.ArchiveURL == "" {
			return nil, nil, program.Usage(errors.New("DATABASE_ARCHIVE_URL is not set: a role that reads the archive"))
		}
		archive, err := postgres.Open(ctx, c.ArchiveURL, postgres.MaxConns(int32(c.Workers)+1)) //nolint:gosec // a handful
		if err != nil {
			return nil, nil, program.NotReachable(err)
		}
		sources, free = append(sources, rebuild.Archive{Pool: archive}), archive.Close
	default:
		return nil, nil, program.Usage(fmt.Errorf("--from %q: give kafka or archive", r.from))
	}
	k := kafka.Config{Brokers: c.KafkaBrokers, TopicPrefix: c.KafkaTopicPrefix, ClientID: "orderview-rebuild"}
	return append(sources, rebuild.Kafka{Prefix: c.KafkaTopicPrefix, Client: func(opts ...kgo.Opt) (*kgo.Client, error) {
		return kafka.NewClient(k, slog.New(slog.DiscardHandler), opts...)
	}}), free, nil
}

// report says what was done, for people and for scripts/rebuild.
func report(out io.Writer, r *rebuild.Result) {
	perSecond := func(n int64) float64 { return float64(n) / r.Folding.Seconds() }
	verdict := "equal to the live one"
	if !r.Equal {
		verdict = "DIFFERENT from the live one, as accepted"
	}
	for _, line := range []string{
		fmt.Sprintf("orders      %d, %s", r.Digest.Orders, verdict),
		"sha256      " + r.Digest.SHA256,
		fmt.Sprintf("records     %d, %d unreadable", r.Records, r.Unreadable),
		fmt.Sprintf("folding     %s: %.0f orders/s, %.0f records/s", r.Folding.Round(time.Millisecond), perSecond(r.Digest.Orders), perSecond(r.Records)),
		fmt.Sprintf("verifying   %s", r.Verifying.Round(time.Millisecond)),
		fmt.Sprintf("swapping    %s, in which the consumer waited and readers did not", r.Swapping.Round(time.Millisecond)),
		fmt.Sprintf("live        generation %d", r.Generation),
	} {
		_, _ = fmt.Fprintln(out, line) // who does not listen is no error
	}
}
