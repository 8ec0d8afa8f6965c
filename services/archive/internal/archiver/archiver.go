package archiver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"ordersaga.internal/services/archive/internal/store"
)

// Deps is what an archiver is built on. All fields are required.
type Deps struct {
	Pool    *pgxpool.Pool                              // run role
	Kafka   func(opts ...kgo.Opt) (*kgo.Client, error) // a new client with these options on top of the service's own
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Config of an archiver. The zero value of a field means its default.
type Config struct {
	Service     string        // "archive": the consumer group. Required.
	Topics      []string      // without prefix. Required.
	TopicPrefix string        // before every topic and group name. Default "".
	Partitions  int32         // of every topic; another count is refused. Required.
	Replica     string        // names this process among its replicas, for static membership. Required.
	Consumers   int           // group members in this process. Default 2.
	BatchSize   int           // most records in one transaction. Default 10,000.
	Linger      time.Duration // longest wait for a fetch to fill up: nobody waits for the archive. Default 500 ms.
	Checkpoint  int           // records of a stream between two checkpoints. Default 1,000.
}

// Archiver consumes the topics and archives them.
type Archiver struct {
	deps      Deps
	cfg       Config
	metrics   *metrics
	consumers []*consumer
}

// New builds an archiver. It connects to nothing yet.
func New(d Deps, c Config) (*Archiver, error) {
	if d.Pool == nil || d.Kafka == nil || d.Log == nil || d.Metrics == nil {
		return nil, errors.New("archiver: every field of Deps is required")
	}
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("archiver: %w", err)
	}
	a := &Archiver{deps: d, cfg: c.withDefaults()}
	var err error
	if a.metrics, err = newMetrics(d.Metrics, a.cfg.Topics); err != nil {
		return nil, err
	}
	for i := range a.cfg.Consumers {
		a.consumers = append(a.consumers, newConsumer(a, i))
	}
	return a, nil
}

// Run works until ctx ends, then finishes the batch at hand and leaves the group. It returns nil after ctx ended, else
// what made it stop. It may be called once.
func (a *Archiver) Run(ctx context.Context) error {
	work, ctx := errgroup.WithContext(ctx)
	for _, c := range a.consumers {
		work.Go(func() error { return c.run(ctx) })
	}
	return work.Wait()
}

// daysAhead is how many days have their partition before their first record comes. A record of a day that has none makes
// it, but nobody should wait for that at midnight.
const daysAhead = 3

// Upkeep makes the partitions of the coming days, now and every hour, until ctx ends.
func (a *Archiver) Upkeep(ctx context.Context) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		today := store.Day(time.Now())
		var days []time.Time
		for n := range daysAhead + 1 {
			days = append(days, today.AddDate(0, 0, n))
		}
		if err := store.MakeDays(ctx, a.deps.Pool, days); err != nil && ctx.Err() == nil {
			a.deps.Log.ErrorContext(ctx, "the partitions of the coming days are not made", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Ready returns nil once every consumer has joined its group and the database answered; else what is missing.
func (a *Archiver) Ready(ctx context.Context) error {
	for _, c := range a.consumers {
		if !c.joined.Load() {
			return fmt.Errorf("consumer %s has not joined its group yet", c.name)
		}
	}
	if err := a.deps.Pool.Ping(ctx); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	return nil
}

func (c Config) validate() error {
	switch {
	case c.Service == "", c.Replica == "", len(c.Topics) == 0, c.Partitions < 1:
		return errors.New("Config.Service, Replica, Topics and Partitions are required")
	case c.Consumers < 0 || c.BatchSize < 0 || c.Linger < 0 || c.Checkpoint < 0:
		return errors.New("a negative number in Config")
	}
	for _, topic := range c.Topics {
		if strings.HasSuffix(topic, ".internal") || strings.HasSuffix(topic, ".dlq") {
			return fmt.Errorf("%s is not for the archive: internal messages have no contract, and dead letters are copies", topic)
		}
	}
	return nil
}

func (c Config) withDefaults() Config {
	if c.Consumers == 0 {
		c.Consumers = 2
	}
	if c.BatchSize == 0 {
		c.BatchSize = 10_000
	}
	if c.Linger == 0 {
		c.Linger = 500 * time.Millisecond
	}
	if c.Checkpoint == 0 {
		c.Checkpoint = 1000
	}
	return c
}
