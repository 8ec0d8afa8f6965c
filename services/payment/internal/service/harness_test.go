package service

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace/noop"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/payment/internal/caller"
	"ordersaga.internal/services/payment/internal/guard"
	"ordersaga.internal/services/payment/internal/payments"
	"ordersaga.internal/services/payment/internal/sandbox"
	"ordersaga.internal/services/payment/internal/sandboxtest"
	"ordersaga.internal/services/payment/migrations"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const partitions = 2

// world is a database, a broker and a provider of a test's own; payment runs in it.
type world struct {
	*testing.T

	db       *testkit.DB
	broker   testkit.Broker
	provider *sandboxtest.Provider
	client   *sandbox.Client
	producer *kgo.Client
	capacity int             // of the callers; 0: the default
	lease    time.Duration   // 0: 2 s
	dial     pgconn.DialFunc // of a replica to PostgreSQL; nil: the default
	timeout  time.Duration   // of a call; 0: the default

	mu     sync.Mutex
	events []event

	metrics *prometheus.Registry // of the last replica
}

// event is a record of payment.events.
type event struct {
	id, cause, sequence string
	order               uuid.UUID
	body                any
}

// newWorld makes a world. env are more settings of the provider.
func newWorld(t *testing.T, env ...string) *world {
	t.Helper()
	w := &world{
		T: t, timeout: 300 * time.Millisecond, broker: testkit.Kafka(t), provider: sandboxtest.Start(t, env...),
		db: testkit.Postgres(t, testkit.Migration{Table: messaging.MigrationsTable, FS: messaging.Migrations},
			testkit.Migration{Table: migrations.Table, FS: migrations.FS}),
	}
	w.broker.Topics(t, partitions, contracts.PaymentCommands, contracts.PaymentEvents, messaging.DeadLetterTopic(contracts.PaymentCommands))
	w.producer = w.broker.Client(t)
	client, err := sandbox.New(sandbox.Config{URL: w.provider.URL, Key: sandboxtest.Key})
	if err != nil {
		t.Fatal(err)
	}
	w.client = client
	t.Cleanup(client.CloseIdle)
	w.listen()
	return w
}

// listen collects every event from the beginning.
func (w *world) listen() {
	consumer := w.broker.Client(w.T, kgo.ConsumeTopics(w.broker.Prefix+contracts.PaymentEvents),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	registry := contracts.NewRegistry()
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.Context()))
	var work sync.WaitGroup
	work.Go(func() {
		for ctx.Err() == nil {
			consumer.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
				h := map[string]string{}
				for _, header := range r.Headers {
					h[header.Key] = string(header.Value)
				}
				body, err := registry.Decode(h["ce_type"], r.Value)
				if err != nil {
					w.Error(err)
				}
				w.mu.Lock()
				defer w.mu.Unlock()
				w.events = append(w.events, event{
					id: h["ce_id"], cause: h["ce_causationid"], sequence: h["ce_sequence"], order: uuid.MustParse(string(r.Key)), body: body,
				})
			})
		}
	})
	w.Cleanup(func() { cancel(); work.Wait() })
}

// of returns the order's events so far.
func (w *world) of(order uuid.UUID) []event {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []event
	for _, e := range w.events {
		if e.order == order {
			out = append(out, e)
		}
	}
	return out
}

// run starts a replica. The returned function stops it gently.
func (w *world) run(provider payments.Provider) (s *Service, stop func()) {
	w.Helper()
	s = w.replica("1", provider)
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.Context()))
	var work sync.WaitGroup
	work.Go(func() {
		if err := s.Run(ctx); err != nil {
			w.Errorf("run: %v", err)
		}
	})
	stop = sync.OnceFunc(func() { cancel(); work.Wait() })
	w.Cleanup(stop)
	testkit.Eventually(w, func() bool { return s.Ready(w.Context()) == nil }, "ready")
	return s, stop
}

// crash starts a replica and returns a function that ends it as kill -9 would: nothing is drained, nothing released.
func (w *world) crash(name string, provider payments.Provider) (kill func()) {
	w.Helper()
	_, kill = w.crashable(name, provider)
	return kill
}

func (w *world) crashable(name string, provider payments.Provider) (s *Service, kill func()) {
	w.Helper()
	s = w.replica(name, provider)
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.Context()))
	var work sync.WaitGroup
	work.Go(func() { s.caller.Run(ctx) })
	work.Go(func() {
		if err := s.machine.Run(ctx); err != nil {
			w.Errorf("run: %v", err)
		}
	})
	kill = sync.OnceFunc(func() { cancel(); work.Wait() })
	w.Cleanup(kill)
	testkit.Eventually(w, func() bool { return s.Ready(w.Context()) == nil }, "ready")
	return s, kill
}

// measured returns the value of a sample of the last replica, by its name and labels as Prometheus writes them.
func (w *world) measured(sample string) float64 {
	w.Helper()
	families, err := w.metrics.Gather()
	if err != nil {
		w.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := make([]string, 0, len(m.GetLabel()))
			for _, l := range m.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
			name := family.GetName()
			if len(labels) > 0 {
				name += "{" + strings.Join(labels, ",") + "}"
			}
			if name == sample {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return 0
}

// pool is a replica's own.
func (w *world) pool() *pgxpool.Pool {
	w.Helper()
	if w.dial == nil {
		return w.db.Open(w.T)
	}
	config, err := pgxpool.ParseConfig(w.db.URL)
	if err != nil {
		w.Fatal(err)
	}
	config.ConnConfig.DialFunc = w.dial
	pool, err := pgxpool.NewWithConfig(w.Context(), config)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(pool.Close)
	return pool
}

func (w *world) replica(name string, provider payments.Provider) *Service {
	w.Helper()
	level := slog.LevelError
	if os.Getenv("VERBOSE") != "" {
		level = slog.LevelDebug
	}
	w.metrics = prometheus.NewRegistry()
	s, err := New(messaging.Deps{
		Pool: w.pool(), Codec: contracts.NewRegistry(), Metrics: w.metrics, Tracer: noop.Tracer{},
		Log: slog.New(slog.NewTextHandler(w.Output(), &slog.HandlerOptions{Level: level})),
		Kafka: func(opts ...kgo.Opt) (*kgo.Client, error) {
			return kafka.NewClient(w.broker.Config(), slog.New(slog.DiscardHandler), opts...)
		},
	}, provider, Config{
		Machine: messaging.Config{Replica: name, Partitions: partitions, TopicPrefix: w.broker.Prefix, Workers: 1},
		Guard:   guard.Config{Timeout: w.timeout, BreakerPause: 100 * time.Millisecond},
		Caller:  caller.Config{Sweep: 20 * time.Millisecond, Drain: time.Millisecond, Capacity: w.capacity},
		Lease:   cmp.Or(w.lease, 2*time.Second),
	})
	if err != nil {
		w.Fatal(err)
	}
	return s
}
