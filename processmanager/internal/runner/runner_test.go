package runner_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/processmanager/internal/fulfilment"
	"ordersaga.internal/processmanager/internal/runner"
	"ordersaga.internal/processmanager/internal/store"
	"ordersaga.internal/processmanager/saga"
)

// hasty is the order saga with waits that a test can sit through.
func hasty() *saga.Set { return within(2 * time.Second) }

func within(timeout time.Duration) *saga.Set {
	d := *fulfilment.V1
	d.Steps = slices.Clone(d.Steps)
	for i := range d.Steps {
		s := &d.Steps[i]
		s.Resend = 150 * time.Millisecond
		if s.Kind == saga.Compensatable {
			s.Timeout = timeout
		}
	}
	return saga.NewSet(saga.Define(d))
}

func TestOrderCompletes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, saga.NewSet(fulfilment.V1))
	w.manager("1")
	order := w.place("alice")
	r, history := w.waitFor(order, saga.Completed)

	want := []string{"ReserveStock.v1#1", "AuthorizePayment.v1#1", "CapturePayment.v1#1", "DispatchOrder.v1#1", "CompleteOrder.v1#1"}
	if got := w.script.commands(order); !slices.Equal(got, want) {
		t.Errorf("commands %v, want %v", got, want)
	}
	if r.CustomerID != "alice" || r.Outstanding != nil || r.FinishedAt.IsZero() || r.Sequence != 5 || r.Transitions != 6 || r.Version != 1 {
		t.Errorf("record %+v", r)
	}
	var inputs []string
	for i, e := range history {
		inputs = append(inputs, e.Input)
		if e.Transition != i+1 || e.Note.Effect != saga.Applied || e.TraceID != "0af7651916cd43dd8448eb211c80319c" || e.Topic == "" {
			t.Errorf("history %d: %+v", i, e)
		}
	}
	wantInputs := []string{"OrderPlaced.v1", "StockReserved.v1", "PaymentAuthorized.v1", "PaymentCaptured.v1", "OrderDispatched.v1", "OrderCompleted.v1"}
	if !slices.Equal(inputs, wantInputs) {
		t.Errorf("history %v, want %v", inputs, wantInputs)
	}
}

func TestRefusalUnwinds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, saga.NewSet(fulfilment.V1))
	w.script.on(contracts.CapturePayment{}, func(o uuid.UUID) any {
		return contracts.PaymentCaptureRefused{OrderID: o, Reason: contracts.ReasonExpired}
	})
	w.manager("1")
	order := w.place("bob")
	r, _ := w.waitFor(order, saga.Rejected)
	want := []string{
		"ReserveStock.v1#1", "AuthorizePayment.v1#1", "CapturePayment.v1#1",
		"VoidPayment.v1#1", "ReleaseStock.v1#1", "RejectOrder.v1#1",
	}
	if got := w.script.commands(order); !slices.Equal(got, want) {
		t.Errorf("commands %v, want %v", got, want)
	}
	if r.Failed != "capture payment" || r.Reason != "expired" {
		t.Errorf("failed %q because %q", r.Failed, r.Reason)
	}
}

// The deadline of a silent step undoes it; the trace of the order goes on.
func TestDeadlinesFire(t *testing.T) {
	t.Parallel()
	w := newWorld(t, hasty())
	w.script.on(contracts.AuthorizePayment{}, nil)
	w.manager("1")
	order := w.place("carol")
	r, history := w.waitFor(order, saga.Rejected)
	if r.Failed != "authorize payment" || r.Reason != saga.TimedOut {
		t.Errorf("failed %q because %q", r.Failed, r.Reason)
	}
	got := w.script.commands(order)
	if !slices.Contains(got, "AuthorizePayment.v1#2") || !slices.Contains(got, "VoidPayment.v1#1") {
		t.Errorf("commands %v: want a re-sent authorisation and its void", got)
	}
	for _, e := range history {
		if e.TraceID != "0af7651916cd43dd8448eb211c80319c" {
			t.Errorf("%s has trace %q", e.Input, e.TraceID)
		}
	}
}

func TestCancellationOfAnOrderInFlight(t *testing.T) {
	t.Parallel()
	w := newWorld(t, saga.NewSet(fulfilment.V1))
	w.script.on(contracts.AuthorizePayment{}, nil)
	m := w.manager("1")
	order := w.place("dora")
	testkit.Eventually(t, func() bool { return len(w.script.commands(order)) == 2 }, "the authorisation is asked for")
	w.emit(order, contracts.OrderCancellationRequested{OrderID: order})
	testkit.Eventually(t, func() bool { r, _ := w.read(order); return r.Cancelling }, "cancelling")
	wish := &runner.Wish{Input: saga.Unwind{Reason: "the provider is down"}, Operator: "olga", Reason: "the provider is down"}
	if err := runner.Ask(t.Context(), m, order, wish); err != nil || wish.Effect != saga.Applied {
		t.Fatalf("%v: %+v", err, wish)
	}
	_, history := w.waitFor(order, saga.Cancelled)
	if !slices.ContainsFunc(history, func(e store.Entry) bool {
		return e.Operator == "olga" && e.Reason == "the provider is down" && e.Input == "saga.Unwind" && e.Topic == ""
	}) {
		t.Errorf("the operator's wish is not in the history: %+v", history)
	}
	again := &runner.Wish{Input: saga.Unwind{Reason: "once more"}, Operator: "olga", Reason: "once more"}
	if err := runner.Ask(t.Context(), m, order, again); err != nil || again.Effect != saga.Denied || again.Text == "" {
		t.Errorf("%v: %+v", err, again)
	}
	if _, history = w.read(order); history[len(history)-1].Note.Effect != saga.Denied {
		t.Errorf("the denied wish is not in the history: %+v", history)
	}
}

// A compensation that failed for good is owed: the instance is stuck until an operator waives it.
func TestOwedAndWaived(t *testing.T) {
	t.Parallel()
	w := newWorld(t, saga.NewSet(fulfilment.V1))
	w.script.on(contracts.CapturePayment{}, func(o uuid.UUID) any {
		return contracts.PaymentCaptureRefused{OrderID: o, Reason: contracts.ReasonExpired}
	})
	w.script.on(contracts.VoidPayment{}, func(o uuid.UUID) any {
		return contracts.PaymentVoidFailed{OrderID: o, Detail: "gone"}
	})
	m := w.manager("1")
	order := w.place("emma")
	testkit.Eventually(t, func() bool { r, _ := w.read(order); return r != nil && r.Stuck != "" && r.Outstanding == nil }, "stuck")
	wish := &runner.Wish{Input: saga.Waive{Step: "authorize payment", Reason: "expires by itself"}, Operator: "olga", Reason: "expires by itself"}
	if err := runner.Ask(t.Context(), m, order, wish); err != nil || wish.Effect != saga.Applied {
		t.Fatalf("%v: %+v", err, wish)
	}
	r, _ := w.waitFor(order, saga.Rejected)
	if r.Stuck != "" || r.Steps[1].Outcome != saga.Waived {
		t.Errorf("record %+v", r)
	}
}

func TestRestartInTheMiddle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, saga.NewSet(fulfilment.V1))
	w.script.on(contracts.DispatchOrder{}, nil)
	m := w.manager("1")
	order := w.place("fred")
	testkit.Eventually(t, func() bool { return len(w.script.commands(order)) == 4 }, "the dispatch is asked for")
	m.stop()
	w.emit(order, contracts.OrderCancellationRequested{OrderID: order})
	w.manager("1")
	testkit.Eventually(t, func() bool { r, _ := w.read(order); return r.Cancelling }, "the request was read by the next process")
	w.answer(order, "dispatch", contracts.DispatchRefused{OrderID: order, Reason: contracts.ReasonDamaged})
	r, _ := w.waitFor(order, saga.Cancelled)
	if r.Failed != "dispatch" {
		t.Errorf("record %+v", r)
	}
}

func TestTwoReplicas(t *testing.T) {
	t.Parallel()
	w := newWorld(t, saga.NewSet(fulfilment.V1))
	a := w.manager("1")
	w.manager("2")
	var orders []uuid.UUID
	for i := range 60 {
		orders = append(orders, w.place("gina"))
		if i == 30 {
			a.stop()
		}
	}
	testkit.Eventually(t, func() bool {
		return w.count(`SELECT count(*) FROM instance WHERE state = 'completed'`) == len(orders)
	}, "all completed")
	if n := w.commands(); n != 5*len(orders) {
		t.Errorf("%d commands for %d orders", n, len(orders))
	}
}

// Reading everything again changes nothing and sends nothing.
func TestRewindToZero(t *testing.T) {
	t.Parallel()
	w := newWorld(t, saga.NewSet(fulfilment.V1))
	m := w.manager("1")
	for range 10 {
		w.place("hugo")
	}
	cancelled := w.place("iris")
	w.emit(cancelled, contracts.OrderCancellationRequested{OrderID: cancelled})
	testkit.Eventually(t, func() bool {
		return w.count(`SELECT count(*) FROM instance WHERE finished_at IS NOT NULL`) == 11 && w.consumed() && w.count(`SELECT count(*) FROM outbox`) == 0
	}, "all final")
	m.stop()
	const fingerprint = `SELECT hashtext(string_agg(x, '' ORDER BY x)) FROM (SELECT i::text FROM instance i UNION ALL SELECT h::text FROM history h) AS r (x)`
	before, sent := w.count(fingerprint), w.published(contracts.Topics()...)
	if _, err := w.db.Pool.Exec(t.Context(), `UPDATE positions SET next = 0, owner = ''`); err != nil {
		t.Fatal(err)
	}
	w.manager("1")
	testkit.Eventually(t, w.consumed, "everything was read again")
	if after := w.count(fingerprint); after != before {
		t.Error("the database changed")
	}
	if n := w.published(contracts.Topics()...); n != sent || w.count(`SELECT count(*) FROM outbox`) != 0 {
		t.Errorf("%d messages were published", n-sent)
	}
}

// What has no place here is a dead letter with a clear reason, and blocks nobody.
func TestOrdersWithoutAPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, saga.NewSet(fulfilment.V1))
	w.manager("1")
	old, future, random := atTime(time.Now().AddDate(-1, 0, 0)), atTime(time.Now().AddDate(1, 0, 0)), uuid.New()
	for _, order := range []uuid.UUID{old, future, random} {
		w.placeAs(order, "jack")
	}
	unknown := uuid.Must(uuid.NewV7())
	w.emit(unknown, contracts.StockReserved{OrderID: unknown})
	w.waitFor(w.place("kate"), saga.Completed)
	testkit.Eventually(t, w.consumed, "everything was read")
	for order, want := range map[uuid.UUID]error{
		old: runner.ErrNotKept, future: runner.ErrTooNew, random: runner.ErrNotV7, unknown: runner.ErrNoInstance,
	} {
		var got string
		if err := w.db.Pool.QueryRow(t.Context(), `SELECT error FROM dead_letters WHERE subject = $1`, order).Scan(&got); err != nil {
			t.Errorf("%s: %v", order, err)
		}
		if !strings.Contains(got, want.Error()) {
			t.Errorf("%s: dead because %q, want %q", order, got, want)
		}
	}
	if err := runner.Ask(t.Context(), w.manager("2"), unknown, &runner.Wish{Input: saga.Retry{}}); err == nil {
		t.Error("an order without an instance was retried")
	}
}

// atTime returns a UUIDv7 of a time.
func atTime(t time.Time) uuid.UUID {
	id := uuid.Must(uuid.NewV7())
	ms := t.UnixMilli()
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	return id
}
