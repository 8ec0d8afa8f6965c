package messaging_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace/noop"

	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/testkit"
)

const partitions = 4

// world is a database and a broker of a test's own, with the topics commands and events.
type world struct {
	t      *testing.T
	db     *testkit.DB
	broker testkit.Broker
	client *kgo.Client
}

func newWorld(t *testing.T, broker testkit.Broker) *world {
	t.Helper()
	w := &world{t: t, broker: broker, db: testkit.Postgres(t,
		testkit.Migration{Table: messaging.MigrationsTable, FS: messaging.Migrations},
		testkit.Migration{Table: "goose_account", FS: accountMigrations},
	)}
	w.client = broker.Client(t)
	broker.Topics(t, partitions, append(messaging.DeadLetterTopics(commandsTopic, eventsTopic), commandsTopic, eventsTopic)...)
	return w
}

// running is a machine that runs until the test ends or stop.
type running struct {
	*messaging.Machine[*accounts]
	handler *handler
	metrics *prometheus.Registry
	log     *logs
	stop    func()
}

// start runs a machine, without a relay unless configured, and stops it at the end of the test.
func (w *world) start(configure func(*messaging.Config), pool *pgxpool.Pool) *running {
	w.t.Helper()
	r, errs := w.launch(configure, pool)
	stop := r.stop
	r.stop = sync.OnceFunc(func() {
		stop()
		if err := <-errs; err != nil {
			w.t.Errorf("machine stopped: %v", err)
		}
	})
	w.t.Cleanup(r.stop)
	w.eventually("machine is ready", func() bool { return r.Ready(w.t.Context()) == nil })
	return r
}

func (w *world) launch(configure func(*messaging.Config), pool *pgxpool.Pool) (*running, chan error) {
	w.t.Helper()
	if pool == nil {
		pool = w.db.Pool
	}
	c := messaging.Config{
		Service: "account", Topics: []string{commandsTopic}, TopicPrefix: w.broker.Prefix, Partitions: partitions,
		Replica: "1", Workers: 1, NoRelay: true, TimerTick: 20 * time.Millisecond,
	}
	if configure != nil {
		configure(&c)
	}
	r := &running{handler: newHandler(), metrics: prometheus.NewRegistry(), log: &logs{}}
	var err error
	r.Machine, err = messaging.New(messaging.Deps{
		Pool: pool,
		Kafka: func(opts ...kgo.Opt) (*kgo.Client, error) {
			return kafka.NewClient(w.broker.Config(), slog.New(r.log.handler()), opts...)
		},
		Codec: codec{}, Log: slog.New(r.log.handler()), Metrics: r.metrics, Tracer: noop.NewTracerProvider().Tracer(""),
	}, messaging.Handler[*accounts](r.handler), c)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	errs := make(chan error, 1)
	go func() { errs <- r.Run(ctx) }()
	return r, errs
}

// outcome is what a machine that should stop by itself stopped with.
func (w *world) outcome(errs chan error) error {
	w.t.Helper()
	select {
	case err := <-errs:
		return err
	case <-time.After(testkit.Patience):
		w.t.Fatal("the machine did not stop")
		return nil
	}
}

// count returns the number of consumed messages with an outcome.
func (r *running) count(t *testing.T, outcome string) (n int) {
	t.Helper()
	families, err := r.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "messaging_messages_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "outcome" && l.GetValue() == outcome {
					n += int(m.GetCounter().GetValue())
				}
			}
		}
	}
	return n
}

// logs keeps what a machine logged.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) handler() slog.Handler { return slog.NewJSONHandler(l, nil) }

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.buf.String(), text)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// eventually waits for a condition; what says what for.
func (w *world) eventually(what string, cond func() bool) {
	w.t.Helper()
	testkit.Eventually(w.t, cond, what)
}

// exec runs a statement that must change something.
func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	tag, err := w.db.Pool.Exec(w.t.Context(), sql, args...)
	if err != nil {
		w.t.Fatal(err)
	}
	if tag.RowsAffected() == 0 {
		w.t.Fatalf("no row: %s", sql)
	}
}

// value returns the one value of a query; zero where there is no row.
func value[T any](w *world, sql string, args ...any) (v T) {
	w.t.Helper()
	rows, err := w.db.Pool.Query(w.t.Context(), sql, args...)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	if rows.Next() {
		if err := rows.Scan(&v); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return v
}

// history is what happened to an account, in order.
func (w *world) history(subject uuid.UUID) string {
	w.t.Helper()
	return value[string](w, `SELECT history FROM account WHERE subject = $1`, subject)
}

func (w *world) outbox(kind string) int {
	w.t.Helper()
	return value[int](w, `SELECT count(*) FROM outbox WHERE type = $1`, kind)
}

var errNoSuchBody = errors.New("no such body")

// labelled is a gauge by its reason, 0 where there is none.
func (r *running) labelled(t *testing.T, name, reason string) float64 {
	t.Helper()
	families, err := r.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "reason" && l.GetValue() == reason {
					return m.GetGauge().GetValue()
				}
			}
		}
	}
	return 0
}

func (r *running) gauge(t *testing.T, name string) float64 {
	t.Helper()
	families, err := r.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}
