package messaging

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"
)

// Deps is what a machine is built on. All fields are required.
type Deps struct {
	Pool    *pgxpool.Pool                              // of the service's own database, run role
	Kafka   func(opts ...kgo.Opt) (*kgo.Client, error) // a new client with these options on top of the service's own
	Codec   Codec
	Log     *slog.Logger
	Metrics prometheus.Registerer
	Tracer  trace.Tracer
}

// Config of a machine. The zero value of a field means its default.
type Config struct {
	Service     string        // "payment"; consumer group, and source "/services/payment". Required.
	Topics      []string      // consumed, without prefix. Required.
	TopicPrefix string        // before every topic and group name; for tests and shared brokers. Default "".
	Partitions  int32         // of every topic; another count is refused. Default 12.
	Replica     string        // names this process among its replicas, for static membership. Required.
	Workers     int           // group members in this process. Default 2.
	BatchSize   int           // most messages in one transaction. Default 2,000.
	Linger      time.Duration // longest wait for company of a busy worker; a quiet one never waits. Default 10 ms.
	NoRelay     bool          // leave the outbox to somebody else (Debezium). Default false.
	TimerTick   time.Duration // how often deadlines are looked at. Default 250 ms.
	Throttle    Throttle      // of what is taken from the topics. Default: none.
}

// Errors of Submit.
var (
	ErrClosed     = errors.New("the machine is shutting down")
	ErrOverloaded = errors.New("too many inputs are waiting")
)

// Machine consumes a service's topics, decides and commits in batches, and relays what was decided.
type Machine[S any] struct {
	deps       Deps
	cfg        Config
	source     string
	handler    Handler[S]
	timed      Timed      // the handler, where it is one; else nil
	superseder Superseder // the handler, where it is one; else nil
	metrics    *metrics
	throttle   *throttle // nil where there is no limit
	relay      *relay    // nil where somebody else empties the outbox
	workers    []*worker[S]
	submits    *submitter[S]
}

// New builds a machine. It connects to nothing yet.
func New[S any](d Deps, h Handler[S], c Config) (*Machine[S], error) {
	if err := errors.Join(d.validate(), c.validate()); err != nil {
		return nil, fmt.Errorf("messaging: %w", err)
	}
	c = c.withDefaults()
	d.Metrics = prometheus.WrapRegistererWith(prometheus.Labels{"group": c.Service}, d.Metrics)
	d.Log = d.Log.With("group", c.Service)
	m := &Machine[S]{deps: d, cfg: c, source: sourceOfServices + c.Service, handler: h, throttle: newThrottle(c.Throttle)}
	m.timed, _ = h.(Timed)
	m.superseder, _ = h.(Superseder)
	var err error
	if m.metrics, err = newMetrics(d.Metrics); err != nil {
		return nil, err
	}
	if err := around(m); err != nil {
		return nil, fmt.Errorf("messaging: %w", err)
	}
	if !c.NoRelay {
		if m.relay, err = newRelay(d, c); err != nil {
			return nil, err
		}
	}
	for i := range c.Workers {
		m.workers = append(m.workers, newWorker(m, i))
	}
	m.submits = newSubmitter(m)
	return m, nil
}

// Run works until ctx ends, then finishes the batch at hand, drains submitted inputs and leaves the group. It returns nil
// after ctx ended, else what made it stop. It may be called once.
func (m *Machine[S]) Run(ctx context.Context) error {
	work, ctx := errgroup.WithContext(ctx)
	for _, w := range m.workers {
		work.Go(func() error { return w.run(ctx) })
	}
	work.Go(func() error { m.submits.run(ctx); return nil })

	// The relay goes last, so that what the others committed at the end leaves with this process where it can.
	relayCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	relayed := make(chan error, 1)
	if m.relay != nil {
		work.Go(func() error {
			go func() { relayed <- m.relay.Run(relayCtx) }()
			select {
			case <-ctx.Done():
				return nil
			case err := <-relayed:
				relayed <- nil
				return err
			}
		})
	} else {
		relayed <- nil
	}
	err := work.Wait()
	stop()
	return errors.Join(err, <-relayed)
}

// Submit feeds an input that is no Kafka record (HTTP request, provider answer, operator). It returns after the COMMIT of
// the transaction that took it; concurrent submits share one. in needs Subject and Body. A Body that is a pointer may
// carry results: Decide sets them, and they hold only when Submit returned nil. A transaction that failed for a reason
// that may pass, or whose COMMIT was not answered, is tried again until ctx ends: Decide must recognise an input that was
// applied already. Errors: what Decide returned, as it is; ErrClosed; ErrOverloaded; ctx's error, after which the effect
// is unknown.
func (m *Machine[S]) Submit(ctx context.Context, in Message) error {
	in.Partition = m.partition(in.Subject)
	return m.submits.submit(ctx, in)
}

// Ready returns nil once every worker has joined its group and the database answered; else what is missing.
func (m *Machine[S]) Ready(ctx context.Context) error {
	for _, w := range m.workers {
		if !w.joined.Load() {
			return fmt.Errorf("worker %s has not joined its group yet", w.name)
		}
	}
	if err := m.deps.Pool.Ping(ctx); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	return nil
}

// Group is the name of the consumer group, without prefix: that of the service.
func (m *Machine[S]) Group() string { return m.cfg.Service }

// wake tells the relay of messages that were committed.
func (m *Machine[S]) wake(sent int) {
	if m.relay != nil && sent > 0 {
		m.relay.Wake()
	}
}

func (d Deps) validate() error {
	if d.Pool == nil || d.Kafka == nil || d.Codec == nil || d.Log == nil || d.Metrics == nil || d.Tracer == nil {
		return errors.New("every field of Deps is required")
	}
	return nil
}

func (c Config) validate() error {
	switch {
	case c.Service == "":
		return errors.New("Config.Service is required")
	case len(c.Topics) == 0:
		return errors.New("Config.Topics is required")
	case c.Replica == "":
		return errors.New("Config.Replica is required")
	case c.Partitions < 0 || c.Workers < 0 || c.BatchSize < 0 || c.Linger < 0 || c.TimerTick < 0:
		return errors.New("a negative number in Config")
	}
	return c.Throttle.Validate()
}

func (c Config) withDefaults() Config {
	if c.Partitions == 0 {
		c.Partitions = 12
	}
	if c.Workers == 0 {
		c.Workers = 2
	}
	if c.BatchSize == 0 {
		c.BatchSize = 2000
	}
	if c.Linger == 0 {
		c.Linger = 10 * time.Millisecond
	}
	if c.TimerTick == 0 {
		c.TimerTick = 250 * time.Millisecond
	}
	return c
}
