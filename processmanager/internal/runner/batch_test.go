package runner_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/processmanager/internal/fulfilment"
	"ordersaga.internal/processmanager/internal/runner"
	"ordersaga.internal/processmanager/internal/store"
	"ordersaga.internal/processmanager/migrations"
	"ordersaga.internal/processmanager/saga"
)

// bench is a handler on a database, without a machine.
type bench struct {
	t       *testing.T
	db      *testkit.DB
	handler *runner.Handler
	metrics *prometheus.Registry
	log     bytes.Buffer
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, metrics: prometheus.NewRegistry(), db: testkit.Postgres(t,
		testkit.Migration{Table: messaging.MigrationsTable, FS: messaging.Migrations},
		testkit.Migration{Table: migrations.Table, FS: migrations.FS})}
	var err error
	if b.handler, err = runner.New(runner.Deps{
		Versions: saga.NewSet(fulfilment.V1), Log: slog.New(slog.NewTextHandler(&b.log, nil)), Metrics: b.metrics,
		Customer: func(any) string { return "alice" },
	}, runner.Config{}); err != nil {
		t.Fatal(err)
	}
	if err := b.handler.Prepare(t.Context(), b.db.Pool); err != nil {
		t.Fatal(err)
	}
	return b
}

// batch decides messages in one transaction and returns what is sent.
func (b *bench) batch(in ...messaging.Message) (out []messaging.Message) {
	b.t.Helper()
	return b.batchAt(time.Now(), in...)
}

func (b *bench) batchAt(now time.Time, in ...messaging.Message) (out []messaging.Message) {
	b.t.Helper()
	var s *runner.Batch
	err := pgx.BeginFunc(b.t.Context(), b.db.Pool, func(tx pgx.Tx) (err error) {
		if s, err = b.handler.Load(b.t.Context(), tx, in); err != nil {
			return err
		}
		for _, m := range in {
			sent, err := b.handler.Decide(s, m, now.UTC().Truncate(time.Microsecond))
			if err != nil {
				return err
			}
			out = append(out, sent...)
		}
		return b.handler.Save(b.t.Context(), tx, s)
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.handler.Committed(s)
	return out
}

// event is one that was read.
func event(order uuid.UUID, cause uuid.UUID, sequence int64, body saga.Message) messaging.Message {
	return messaging.Message{
		ID: uuid.New(), Subject: order, CausationID: cause, Sequence: sequence, Body: body, Type: body.WireType(),
		Topic: contracts.OrderEvents, Offset: sequence, Time: time.Now(),
	}
}

// Events of one order that come in one batch are decided one after the other, and repeated ones have one effect.
func TestOneOrderManyTimesInABatch(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	order := uuid.Must(uuid.NewV7())
	placed := event(order, uuid.Nil, 1, contracts.OrderPlacedV2{OrderID: order, CustomerID: "alice"})
	reserved := event(order, saga.CommandID(order, "reserve stock", false), 1, contracts.StockReserved{OrderID: order})
	authorized := event(order, saga.CommandID(order, "authorize payment", false), 1, contracts.PaymentAuthorized{OrderID: order})
	declined := event(order, uuid.Nil, 2, contracts.OrderCancellationDeclined{OrderID: order})

	sent := b.batch(placed, placed, reserved, placed, reserved, declined)
	sent = append(sent, b.batch(reserved, authorized, placed, authorized)...)
	var got []string
	for _, m := range sent {
		got = append(got, m.Body.(saga.Message).WireType())
	}
	if want := "ReserveStock.v1 AuthorizePayment.v1 CapturePayment.v1"; strings.Join(got, " ") != want {
		t.Errorf("sent %v, want %s", got, want)
	}
	r, history, err := store.One(t.Context(), b.db.Pool, order)
	if err != nil {
		t.Fatal(err)
	}
	if r.Sequence != 3 || r.Transitions != 3 || r.Outstanding.Step != "capture payment" || len(history) != 4 {
		t.Errorf("instance %+v\nhistory %+v", r, history)
	}
	if h := history[2]; h.Input != "OrderCancellationDeclined.v1" || h.Note.Effect != saga.Ignored || h.Transition != 2 {
		t.Errorf("want the declined cancellation ignored by name: %+v", history)
	}
}

// What is due to be sent again is not given up at a deadline that passed since the log was last read to its end (rule 7).
func TestADeadlineIsOfTheTimeThatIsKnown(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	order, now := uuid.Must(uuid.NewV7()), time.Now()
	placed := event(order, uuid.Nil, 1, contracts.OrderPlacedV2{OrderID: order, CustomerID: "alice"})
	b.batchAt(now.Add(-61*time.Second), placed) // to be sent again after 10 s; its deadline passed a second ago
	due := func(known time.Time) (in []messaging.Message) {
		testkit.Eventually(t, func() bool { // not before the next look
			err := pgx.BeginFunc(t.Context(), b.db.Pool, func(tx pgx.Tx) (err error) {
				in, err = b.handler.Due(t.Context(), tx, map[int32]time.Time{placed.Partition: known}, 10)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return len(in) == 1
		}, "due")
		return in
	}
	sent := b.batchAt(now, due(now.Add(-30*time.Second))...)
	if len(sent) != 1 || sent[0].Body.(saga.Message).WireType() != "ReserveStock.v1" {
		t.Errorf("sent %+v, want the command again", sent)
	}
	sent = b.batchAt(now, due(now)...)
	if len(sent) != 1 || sent[0].Body.(saga.Message).WireType() != "ReleaseStock.v1" {
		t.Errorf("sent %+v, want the compensation", sent)
	}
}

// A wish is tried again when the answer of its COMMIT was lost: it is granted once, and the operator is told so.
func TestAWishIsGrantedOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	order := uuid.Must(uuid.NewV7())
	b.batch(event(order, uuid.Nil, 1, contracts.OrderPlacedV2{OrderID: order, CustomerID: "alice"}))
	wish := &runner.Wish{Input: saga.Unwind{Reason: "fraud"}, Operator: "olga", Reason: "fraud"}
	in := messaging.Message{ID: uuid.Must(uuid.NewV7()), Subject: order, Body: wish}
	for _, sends := range []int{1, 0} {
		wish.Effect = ""
		if sent := b.batch(in); len(sent) != sends || wish.Effect != saga.Applied || wish.Text == "" {
			t.Errorf("sent %v: %+v", sent, wish)
		}
	}
	r, history, err := store.One(t.Context(), b.db.Pool, order)
	if err != nil || r.Transitions != 2 || len(history) != 2 {
		t.Errorf("%v: instance %+v\nhistory %+v", err, r, history)
	}
}

// A stuck instance calls for an operator, in the log and in the metrics; steps are counted by their outcome.
func TestStuckAlerts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	order := uuid.Must(uuid.NewV7())
	b.batch(
		event(order, uuid.Nil, 1, contracts.OrderPlacedV2{OrderID: order, CustomerID: "alice"}),
		event(order, saga.CommandID(order, "reserve stock", false), 1, contracts.StockReserved{OrderID: order}),
		event(order, saga.CommandID(order, "authorize payment", false), 1, contracts.PaymentAuthorized{OrderID: order}),
		event(order, saga.CommandID(order, "capture payment", false), 2, contracts.PaymentCaptureRefused{OrderID: order, Reason: contracts.ReasonExpired}),
		event(order, saga.CommandID(order, "authorize payment", true), 3, contracts.PaymentVoidFailed{OrderID: order, Detail: "gone"}),
	)
	if log := b.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, order.String()) {
		t.Errorf("log: %s", log)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.handler.Upkeep(ctx, b.db.Pool) }()
	const want = `
# HELP saga_instances Saga instances in flight by state, and those that need an operator (stuck). Each replica reports all: use max.
# TYPE saga_instances gauge
saga_instances{state="ending"} 0
saga_instances{state="running"} 0
saga_instances{state="stuck"} 1
saga_instances{state="unwinding"} 1
# HELP saga_transitions_total Steps that came to an outcome. unknown: a deadline passed.
# TYPE saga_transitions_total counter
saga_transitions_total{outcome="open",step="authorize payment"} 1
saga_transitions_total{outcome="open",step="capture payment"} 1
saga_transitions_total{outcome="open",step="reserve stock"} 1
saga_transitions_total{outcome="owed",step="authorize payment"} 1
saga_transitions_total{outcome="refused",step="capture payment"} 1
saga_transitions_total{outcome="succeeded",step="authorize payment"} 1
saga_transitions_total{outcome="succeeded",step="reserve stock"} 1
saga_transitions_total{outcome="undoing",step="authorize payment"} 1
saga_transitions_total{outcome="undoing",step="reserve stock"} 1
`
	testkit.Eventually(t, func() bool {
		return testutil.GatherAndCompare(b.metrics, strings.NewReader(want), "saga_instances", "saga_transitions_total") == nil
	}, "metrics")
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
