package runner_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace/noop"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/program"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/processmanager/internal/fulfilment"
	"ordersaga.internal/processmanager/internal/runner"
	"ordersaga.internal/processmanager/internal/store"
	"ordersaga.internal/processmanager/migrations"
	"ordersaga.internal/processmanager/saga"
)

// world is a process manager's database and a broker, with participants that do what a script says.
type world struct {
	t            *testing.T
	broker       testkit.Broker
	db           *testkit.DB
	versions     *saga.Set
	script       *script
	participants *messaging.Machine[*messaging.Fence]
	batch        int // most messages of the process manager's transactions; 0: the default
}

func newWorld(t *testing.T, versions *saga.Set) *world {
	t.Helper()
	w := &world{t: t, broker: testkit.Kafka(t), versions: versions, script: newScript()}
	w.broker.Topics(t, contracts.Partitions, slices.Concat(contracts.Topics(), messaging.DeadLetterTopics(contracts.EventTopics()...), []string{messaging.InternalTopic("processmanager")})...)
	w.db = testkit.Postgres(t,
		testkit.Migration{Table: messaging.MigrationsTable, FS: messaging.Migrations},
		testkit.Migration{Table: migrations.Table, FS: migrations.FS})
	theirs := testkit.Postgres(t, testkit.Migration{Table: messaging.MigrationsTable, FS: messaging.Migrations})
	w.participants = machine(w, theirs.Pool, messaging.Handler[*messaging.Fence](w.script), messaging.Config{
		Service: "participants", Replica: "1", Workers: 1,
		Topics: []string{contracts.OrderCommands, contracts.PaymentCommands, contracts.WarehouseCommands},
	})
	run(t, w.participants.Run)
	return w
}

func machine[S any](w *world, pool *pgxpool.Pool, h messaging.Handler[S], c messaging.Config, extra ...kgo.Opt) *messaging.Machine[S] {
	w.t.Helper()
	c.TopicPrefix, c.TimerTick = w.broker.Prefix, 20*time.Millisecond
	m, err := messaging.New(messaging.Deps{
		Pool: pool, Codec: contracts.NewRegistry(), Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
		Tracer: noop.NewTracerProvider().Tracer(""),
		Kafka: func(opts ...kgo.Opt) (*kgo.Client, error) {
			return kafka.NewClient(w.broker.Config(), slog.New(slog.DiscardHandler), append(opts, extra...)...)
		},
	}, h, c)
	if err != nil {
		w.t.Fatal(err)
	}
	return m
}

// run runs a component until the test ends or stop is called.
func run(t *testing.T, component func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- component(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("component: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// manager is a running process manager.
type manager struct {
	*messaging.Machine[*runner.Batch]
	metrics *prometheus.Registry
	log     *logs
	link    *link // to the broker
	stop    func()
}

func (w *world) manager(replica string, change ...func(*runner.Config)) *manager {
	w.t.Helper()
	pool := w.db.Open(w.t)
	m := &manager{metrics: prometheus.NewRegistry(), log: &logs{}, link: newLink()}
	c := runner.Config{LookEvery: 20 * time.Millisecond, CountEvery: 50 * time.Millisecond}
	for _, f := range change {
		f(&c)
	}
	h, err := runner.New(runner.Deps{
		Versions: w.versions, Log: slog.New(slog.NewTextHandler(m.log, nil)), Metrics: m.metrics,
		Customer: func(data any) string { return data.(fulfilment.Order).CustomerID },
	}, c)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := h.Prepare(w.t.Context(), pool); err != nil {
		w.t.Fatal(err)
	}
	m.Machine = machine(w, pool, messaging.Handler[*runner.Batch](h), messaging.Config{
		Service: "processmanager", Replica: replica, Workers: 2, Topics: contracts.EventTopics(), BatchSize: w.batch,
	}, kgo.Dialer(m.link.dial))
	m.stop = run(w.t, func(ctx context.Context) error {
		return program.Together(ctx, m.Run, func(ctx context.Context) error { return h.Upkeep(ctx, pool) })
	})
	testkit.Eventually(w.t, func() bool { return m.Ready(w.t.Context()) == nil }, "the process manager is ready")
	return m
}

// place places an order as the order service would, and returns its id.
func (w *world) place(customer string) uuid.UUID {
	w.t.Helper()
	return w.placeAs(uuid.Must(uuid.NewV7()), customer)
}

func (w *world) placeAs(order uuid.UUID, customer string) uuid.UUID {
	w.t.Helper()
	eur := func(minor int64) contracts.Money { return contracts.Money{AmountMinor: minor, Currency: "EUR"} }
	w.emit(order, contracts.OrderPlaced{
		OrderID: order, CustomerID: customer, PaymentMethod: "pm_ok", ShipTo: "addr_home", Total: eur(3998),
		Lines: []contracts.PricedLine{{SKU: "SKU-0001", Quantity: 2, UnitPrice: eur(1999)}},
	})
	return order
}

// emit publishes an event that answers no command.
func (w *world) emit(order uuid.UUID, event any) {
	w.t.Helper()
	w.emitFor(order, uuid.Nil, event)
}

// emitFor publishes an answer to a command whatever its participant remembers.
func (w *world) emitFor(order, command uuid.UUID, event any) {
	w.t.Helper()
	err := w.participants.Submit(w.t.Context(), messaging.Message{
		Subject: order, Body: emitted{event, command}, Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// answer gives the outcome of a command that a participant left open.
func (w *world) answer(order uuid.UUID, operation string, event any) {
	w.t.Helper()
	w.settle(order, outcome{operation: operation, event: event})
}

func (w *world) settle(order uuid.UUID, o outcome) {
	w.t.Helper()
	if err := w.participants.Submit(w.t.Context(), messaging.Message{Subject: order, Body: o}); err != nil {
		w.t.Fatal(err)
	}
}

// state returns the instance's, "" while there is none.
func (w *world) state(order uuid.UUID) saga.State {
	w.t.Helper()
	r, _ := w.read(order)
	if r == nil {
		return ""
	}
	return r.State
}

func (w *world) read(order uuid.UUID) (*store.Record, []store.Entry) {
	w.t.Helper()
	r, history, err := store.One(w.t.Context(), w.db.Pool, order)
	if err != nil {
		return nil, nil
	}
	return r, history
}

func (w *world) waitFor(order uuid.UUID, state saga.State) (*store.Record, []store.Entry) {
	w.t.Helper()
	testkit.Eventually(w.t, func() bool { return w.state(order) == state }, "order is "+string(state))
	return w.read(order)
}

func (w *world) count(sql string, args ...any) (n int) {
	w.t.Helper()
	if err := w.db.Pool.QueryRow(w.t.Context(), sql, args...).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// consumed tells whether the process manager has read the events topics to their ends.
func (w *world) consumed() bool {
	w.t.Helper()
	return int64(w.count(`SELECT coalesce(sum(next), 0) FROM positions`)) == w.published(contracts.EventTopics()...)
}

// published counts the records of topics.
func (w *world) published(topics ...string) (n int64) {
	w.t.Helper()
	for i := range topics {
		topics[i] = w.broker.Prefix + topics[i]
	}
	ends, err := kadm.NewClient(w.broker.Client(w.t)).ListEndOffsets(w.t.Context(), topics...)
	if err != nil {
		w.t.Fatal(err)
	}
	ends.Each(func(o kadm.ListedOffset) { n += o.Offset })
	return n
}

// commands counts the different commands that were published. A relay that takes over may repeat one, byte for byte.
func (w *world) commands() int {
	w.t.Helper()
	topics := []string{contracts.WarehouseCommands, contracts.PaymentCommands, contracts.OrderCommands}
	total := w.published(slices.Clone(topics)...)
	for i := range topics {
		topics[i] = w.broker.Prefix + topics[i]
	}
	reader := w.broker.Client(w.t, kgo.ConsumeTopics(topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	seen := map[string]string{} // id and attempt → the whole record
	for read := int64(0); read < total; {
		fetches := reader.PollFetches(w.t.Context())
		if err := fetches.Err(); err != nil {
			w.t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			read++
			headers := map[string]string{}
			for _, h := range r.Headers {
				headers[h.Key] = string(h.Value)
			}
			key, whole := headers["ce_id"]+"/"+headers["ce_attempt"], fmt.Sprint(r.Topic, r.Partition, headers, string(r.Value))
			if before, repeated := seen[key]; repeated && before != whole {
				w.t.Errorf("command %s was repeated, but not byte for byte:\n%s\n%s", key, before, whole)
			}
			seen[key] = whole
		})
	}
	return len(seen)
}
