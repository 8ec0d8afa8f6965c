package runner_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/processmanager/internal/runner"
	"ordersaga.internal/processmanager/internal/store"
	"ordersaga.internal/processmanager/saga"
)

// patient is the order saga with commands that are sent again soon and deadlines that pass when a test says so.
func patient() *saga.Set { return within(time.Hour) }

const stormStep = "authorize payment"

func atLeast(n int) func(*runner.Config) {
	return func(c *runner.Config) { c.Storm = runner.StormLimit{Share: 0.5, Least: n} }
}

// silence places orders that the payment service does not answer, and waits until each was asked for twice.
func (w *world) silence(n int) []uuid.UUID {
	w.t.Helper()
	w.script.on(contracts.AuthorizePayment{}, nil)
	orders := make([]uuid.UUID, n)
	for i := range orders {
		orders[i] = w.place("nora")
	}
	testkit.Eventually(w.t, func() bool {
		return w.count(`SELECT count(*) FROM instance WHERE order_id = ANY($1) AND step = $2 AND attempt > 1`, orders, stormStep) == n
	}, "every authorisation was asked for again")
	return orders
}

// expire makes the deadlines of orders pass.
func (w *world) expire(orders ...uuid.UUID) {
	w.t.Helper()
	if _, err := w.db.Pool.Exec(w.t.Context(), `UPDATE instance SET deadline = now() WHERE order_id = ANY($1) AND deadline IS NOT NULL`, orders); err != nil {
		w.t.Fatal(err)
	}
}

// authorizes lets the payment service answer again, but for some orders.
func (w *world) authorizes(except ...uuid.UUID) {
	w.script.on(contracts.AuthorizePayment{}, func(o uuid.UUID) any {
		if slices.Contains(except, o) {
			return nil
		}
		return contracts.PaymentAuthorized{OrderID: o, Amount: contracts.Money{AmountMinor: 3998, Currency: "EUR"}}
	})
}

// answered gives the answers that were left out.
func (w *world) answered(orders ...uuid.UUID) {
	w.t.Helper()
	for _, o := range orders {
		w.answer(o, "authorization", contracts.PaymentAuthorized{OrderID: o, Amount: contracts.Money{AmountMinor: 3998, Currency: "EUR"}})
	}
}

func (w *world) storms() []store.Storm {
	w.t.Helper()
	storms, err := store.Storms(w.t.Context(), w.db.Pool, nil, uuid.Nil, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	return storms
}

// unwound counts the orders that were given up, ever.
func (w *world) unwound() int {
	w.t.Helper()
	return w.count(`SELECT count(*) FROM history WHERE note LIKE '%unknown%'`)
}

func (m *manager) showsStorm(t *testing.T, on bool) bool {
	t.Helper()
	value := map[bool]string{true: "1", false: "0"}[on]
	want := `
# HELP saga_deadline_storm 1 while the deadlines of the step are held, because too many of its instances have no answer. Each replica reports all: use max.
# TYPE saga_deadline_storm gauge
saga_deadline_storm{step="authorize payment"} ` + value + `
saga_deadline_storm{step="capture payment"} 0
saga_deadline_storm{step="reserve stock"} 0
`
	return testutil.GatherAndCompare(m.metrics, strings.NewReader(want), "saga_deadline_storm") == nil
}

// While a participant is away no order is undone, however many deadlines pass on however many replicas: from the first one
// on. They are sent again, an operator is called once, and when the answers come all go on and the storm is over.
func TestAStormUndoesNoOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, patient())
	a, b := w.manager("1", atLeast(10)), w.manager("2", atLeast(10))
	orders := w.silence(30)
	w.expire(orders[0])
	testkit.Eventually(t, func() bool { return len(w.storms()) == 1 }, "a storm")
	w.expire(orders...)
	testkit.Eventually(t, func() bool {
		return w.count(`SELECT count(DISTINCT order_id) FROM history WHERE note LIKE '%its deadline is held%'`) == len(orders)
	}, "all are sent again after their deadlines")
	testkit.Eventually(t, func() bool { return a.showsStorm(t, true) && b.showsStorm(t, true) }, "both replicas show it")
	if n := a.log.lines("ERROR", "deadline storm") + b.log.lines("ERROR", "deadline storm"); n != 1 {
		t.Errorf("an operator was called %d times", n)
	}
	if s := w.storms()[0]; len(w.storms()) != 1 || s.Step != stormStep || s.InFlight != 30 || s.Overdue != 30 || !s.EndedAt.IsZero() {
		t.Errorf("storms %+v", w.storms())
	}
	w.authorizes()
	w.answered(orders...)
	testkit.Eventually(t, func() bool {
		return w.count(`SELECT count(*) FROM instance WHERE state = 'completed'`) == len(orders)
	}, "all complete")
	testkit.Eventually(t, func() bool { return a.showsStorm(t, false) && b.showsStorm(t, false) }, "it is over")
	if s := w.storms()[0]; len(w.storms()) != 1 || s.EndedAt.IsZero() || s.Operator != "" {
		t.Errorf("storms %+v", w.storms())
	}
	if n := w.unwound(); n != 0 {
		t.Errorf("%d orders were given up", n)
	}
}

// A storm that ended by itself leaves what has no answer yet its whole time again.
func TestWhatAStormLeavesStartsAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, patient())
	w.manager("1", atLeast(10))
	orders := w.silence(12)
	left := orders[:2]
	w.expire(orders...)
	testkit.Eventually(t, func() bool { return len(w.storms()) == 1 }, "a storm")
	w.authorizes(left...)
	w.answered(orders[2:]...)
	testkit.Eventually(t, func() bool {
		return w.count(`SELECT count(*) FROM instance WHERE order_id = ANY($1) AND deadline > now() + interval '30 min'`, left) == len(left)
	}, "the deadlines of what is left start anew")
	for _, o := range left {
		if _, history := w.read(o); !slices.ContainsFunc(history, func(e store.Entry) bool { return e.Input == "saga.Redriven" }) {
			t.Errorf("the history does not tell why: %+v", history)
		}
	}
	w.expire(left[0]) // now it is but a handful
	if r, _ := w.waitFor(left[0], saga.Rejected); r.Failed != stormStep || r.Reason != saga.TimedOut {
		t.Errorf("record %+v", r)
	}
	w.answered(left[1])
	w.waitFor(left[1], saga.Completed)
	if n := w.unwound(); n != 1 {
		t.Errorf("%d orders were given up", n)
	}
}

// An operator who releases a storm lets those be undone whose deadlines passed in it; what comes later is guarded anew.
func TestAnOperatorReleasesAStorm(t *testing.T) {
	t.Parallel()
	w := newWorld(t, patient())
	m := w.manager("1", atLeast(10))
	orders := w.silence(20)
	w.expire(orders[:15]...)
	testkit.Eventually(t, func() bool { return len(w.storms()) == 1 }, "a storm")
	// The payment service stays away: nobody answers the compensations either.
	w.script.on(contracts.VoidPayment{}, nil)
	first := w.storms()[0]
	s, released, err := store.Release(t.Context(), w.db.Pool, first.ID, "olga", "the provider is gone for today", time.Now().UTC())
	if err != nil || !released || s.Operator != "olga" || s.EndedAt.IsZero() {
		t.Fatalf("%+v, %t, %v", s, released, err)
	}
	testkit.Eventually(t, func() bool { return w.unwound() == 15 }, "what was overdue is undone")
	testkit.Eventually(t, func() bool { return m.showsStorm(t, false) }, "it is over")
	if n := w.count(`SELECT count(*) FROM instance WHERE order_id = ANY($1) AND state = 'running'`, orders[15:]); n != 5 {
		t.Errorf("%d of 5 whose deadlines did not pass are running", n)
	}
	if again, released, err := store.Release(t.Context(), w.db.Pool, first.ID, "otto", "me too", time.Now().UTC()); err != nil || released || again != s {
		t.Errorf("released twice: %+v, %t, %v", again, released, err)
	}
	later := w.silence(10)
	w.expire(later[0])
	testkit.Eventually(t, func() bool { return len(w.storms()) == 2 }, "the next storm")
	if s := w.storms()[0]; s.Overdue != 15 || s.InFlight != 15 { // 10 and the 5 that nobody released
		t.Errorf("storm %+v", s)
	}
	if n := w.unwound(); n != 15 {
		t.Errorf("%d orders were given up", n)
	}
}

// Nor is a small share of many, wherever those are that had an answer.
func TestAFewOfManyAreNoStorm(t *testing.T) {
	t.Parallel()
	w := newWorld(t, patient())
	w.manager("1", atLeast(5))
	silent := w.silence(6)
	w.authorizes(silent...)
	for range 10 {
		w.waitFor(w.place("nina"), saga.Completed)
	}
	w.expire(silent...)
	testkit.Eventually(t, func() bool { return w.unwound() == len(silent) }, "they are undone")
	if storms := w.storms(); len(storms) != 0 {
		t.Errorf("storms %+v", storms)
	}
}

// A handful of orders is no storm.
func TestAHandfulIsNoStorm(t *testing.T) {
	t.Parallel()
	w := newWorld(t, patient())
	w.manager("1", atLeast(10))
	orders := w.silence(5)
	w.expire(orders...)
	testkit.Eventually(t, func() bool { return w.unwound() == len(orders) }, "they are undone")
	if storms := w.storms(); len(storms) != 0 {
		t.Errorf("storms %+v", storms)
	}
}

// One order at a time is a storm too, in the end: what is undone because of a step counts until it is undone.
func TestAStormOfFewOrders(t *testing.T) {
	t.Parallel()
	w := newWorld(t, patient())
	w.manager("1", atLeast(4))
	w.script.on(contracts.VoidPayment{}, nil)
	for range 3 {
		w.expire(w.silence(1)...)
		testkit.Eventually(t, func() bool { return w.count(`SELECT count(*) FROM instance WHERE state = 'running'`) == 0 }, "undone")
	}
	kept := w.silence(1)
	w.expire(kept...)
	testkit.Eventually(t, func() bool { return len(w.storms()) == 1 }, "a storm")
	if n := w.unwound(); n != 3 || w.state(kept[0]) != saga.Running {
		t.Errorf("%d orders were given up; the last is %s", n, w.state(kept[0]))
	}
}

func TestStormLimit(t *testing.T) {
	t.Parallel()
	for _, l := range []runner.StormLimit{{Share: -0.1, Least: 1}, {Share: 1.1, Least: 1}, {Share: 0.5}, {Share: 0.5, Least: -1}} {
		if l.Validate() == nil {
			t.Errorf("%+v is taken", l)
		}
	}
	if err := (runner.StormLimit{Share: 1, Least: 1}).Validate(); err != nil {
		t.Error(err)
	}
}
