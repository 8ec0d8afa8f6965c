package runner_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/processmanager/internal/runner"
	"ordersaga.internal/processmanager/internal/store"
	"ordersaga.internal/processmanager/saga"
)

func (w *world) inputs(order uuid.UUID, kind string) (n int) {
	w.t.Helper()
	_, history := w.read(order)
	for _, e := range history {
		if e.Input == kind {
			n++
		}
	}
	return n
}

// Scenario 10: an authorisation that is still unknown at its deadline is voided, and the stock is freed only after the
// answer to that, also where there was nothing to void.
func TestStockIsFreedAfterTheMoney(t *testing.T) {
	t.Parallel()
	w := newWorld(t, hasty())
	w.script.on(contracts.AuthorizePayment{}, nil)
	w.script.on(contracts.VoidPayment{}, nil)
	w.manager("1")
	order := w.place("vera")
	testkit.Eventually(t, func() bool { return slices.Contains(w.script.commands(order), "VoidPayment.v1#3") }, "the void is asked for again")
	if got := w.script.commands(order); slices.ContainsFunc(got, func(c string) bool { return c[:7] == "Release" }) {
		t.Errorf("commands %v: stock was freed before the money was known to be", got)
	}
	w.settle(order, outcome{operation: "authorization", undo: true, event: contracts.PaymentVoided{OrderID: order, Amount: contracts.Money{Currency: "EUR"}}})
	w.waitFor(order, saga.Rejected)
	if got := w.script.commands(order); !slices.Contains(got, "ReleaseStock.v1#1") {
		t.Errorf("commands %v: want the stock freed", got)
	}
}

// Scenario 23: a timer that is doubled, on two replicas, has one effect; a stale one and one after the end have none.
func TestTimersDoubledStaleAndLate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, patient())
	managers := []*manager{w.manager("1"), w.manager("2")}
	ring := func(order uuid.UUID) {
		var all sync.WaitGroup
		for range 5 {
			for _, m := range managers {
				all.Go(func() {
					if err := m.Submit(t.Context(), messaging.Message{Subject: order, Body: saga.Due{}}); err != nil {
						t.Error(err)
					}
				})
			}
		}
		all.Wait()
	}
	doubled, stale := w.silence(1)[0], w.silence(1)[0]
	w.script.on(contracts.DispatchOrder{}, nil)
	w.answered(stale)
	testkit.Eventually(t, func() bool { return slices.Contains(w.script.commands(stale), "DispatchOrder.v1#1") }, "it is beyond the way back")

	w.expire(doubled) // the process managers' own timers ring as well
	ring(doubled)
	ring(stale)
	if r, _ := w.waitFor(doubled, saga.Rejected); r.Reason != saga.TimedOut {
		t.Errorf("record %+v", r)
	}
	if n := w.unwound(); n != 1 {
		t.Errorf("%d orders were given up", n)
	}
	if r, _ := w.read(stale); r.State != saga.Running || r.Outstanding.Step != "dispatch" {
		t.Errorf("record %+v", r)
	}
	_, before := w.read(doubled)
	sent := w.script.commands(doubled)
	ring(doubled)
	if _, after := w.read(doubled); len(after) != len(before) || !slices.Equal(sent, w.script.commands(doubled)) {
		t.Errorf("after its end a timer did something: %+v", after[len(before):])
	}
}

// Scenario 20, all its ways: while a void is owed the stock is freed all the same, the end waits and an operator is called.
func TestAnOwedCompensation(t *testing.T) {
	t.Parallel()
	voided := func(o uuid.UUID) any {
		return contracts.PaymentVoided{OrderID: o, Amount: contracts.Money{AmountMinor: 3998, Currency: "EUR"}}
	}
	fails := func(o uuid.UUID) any { return failure{contracts.PaymentVoidFailed{OrderID: o, Detail: "gone"}} }
	for name, settle := range map[string]func(w *world, m *manager, order uuid.UUID){
		"retried by an operator": func(w *world, m *manager, order uuid.UUID) {
			w.script.on(contracts.VoidPayment{}, voided)
			w.wish(m, order, saga.Retry{Step: "authorize payment", Reason: "it is back"})
		},
		"retried, and failing once more": func(w *world, m *manager, order uuid.UUID) {
			w.wish(m, order, saga.Retry{Reason: "it is back"})
			testkit.Eventually(w.t, func() bool { return w.inputs(order, "PaymentVoidFailed.v1") == 2 }, "it failed again")
			w.script.on(contracts.VoidPayment{}, voided)
			testkit.Eventually(w.t, func() bool { r, _ := w.read(order); return r.Outstanding == nil }, "owed again")
			w.wish(m, order, saga.Retry{Reason: "now it is"})
		},
		"waived": func(w *world, m *manager, order uuid.UUID) {
			w.wish(m, order, saga.Waive{Step: "authorize payment", Reason: "it expires"})
		},
		"settled late, by itself": func(w *world, _ *manager, order uuid.UUID) {
			w.emitFor(order, saga.CommandID(order, "authorize payment", true), voided(order))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, patient())
			w.script.on(contracts.CapturePayment{}, func(o uuid.UUID) any {
				return contracts.PaymentCaptureRefused{OrderID: o, Reason: contracts.ReasonExpired}
			})
			w.script.on(contracts.VoidPayment{}, fails)
			m := w.manager("1")
			order := w.place("olaf")
			testkit.Eventually(t, func() bool {
				r, _ := w.read(order)
				return r != nil && r.Stuck != "" && r.Outstanding == nil && r.Steps[0].Outcome == saga.Undone
			}, "owed, and the rest undone")
			if r, _ := w.read(order); r.State != saga.Unwinding || r.Stuck != "compensation owed: authorize payment (gone)" {
				t.Errorf("record %+v", r)
			}
			testkit.Eventually(t, func() bool { return m.log.lines("ERROR", order.String()) == 1 }, "an operator is called")
			settle(w, m, order)
			r, _ := w.waitFor(order, saga.Rejected)
			if want := map[bool]saga.Outcome{true: saga.Waived, false: saga.Undone}[name == "waived"]; r.Stuck != "" || r.Steps[1].Outcome != want {
				t.Errorf("record %+v", r)
			}
			if n := w.inputs(order, "OrderRejected.v1"); n != 1 {
				t.Errorf("it ended %d times", n)
			}
		})
	}
}

// Scenario 20, the race: the void is sent again while its failure is on the way, and succeeds. The success settles it.
func TestAResendCrossesTheFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t, patient())
	w.script.on(contracts.CapturePayment{}, func(o uuid.UUID) any {
		return contracts.PaymentCaptureRefused{OrderID: o, Reason: contracts.ReasonExpired}
	})
	calls, crossed := 0, make(chan struct{})
	w.script.on(contracts.VoidPayment{}, func(o uuid.UUID) any {
		if calls++; calls > 1 {
			return contracts.PaymentVoided{OrderID: o, Amount: contracts.Money{AmountMinor: 3998, Currency: "EUR"}}
		}
		<-crossed
		return failure{contracts.PaymentVoidFailed{OrderID: o, Detail: "gone"}}
	})
	w.manager("1")
	order := w.place("pia")
	testkit.Eventually(t, func() bool {
		r, _ := w.read(order)
		return r != nil && r.Outstanding != nil && r.Outstanding.Undo && r.Outstanding.Attempt > 1
	}, "the void is sent again")
	close(crossed)
	r, _ := w.waitFor(order, saga.Rejected)
	if r.Stuck != "" || r.Steps[1].Outcome != saga.Undone || w.inputs(order, "PaymentVoidFailed.v1") != 1 || w.inputs(order, "PaymentVoided.v1") != 1 {
		t.Errorf("record %+v", r)
	}
}

func (w *world) wish(m *manager, order uuid.UUID, input saga.Message) *runner.Wish {
	w.t.Helper()
	wish := &runner.Wish{Input: input, Operator: "olga", Reason: "a test"}
	if err := runner.Ask(w.t.Context(), m, order, wish); err != nil || wish.Effect != saga.Applied {
		w.t.Fatalf("%v: %+v", err, wish)
	}
	_, history := w.read(order)
	if !slices.ContainsFunc(history, func(e store.Entry) bool {
		return e.Input == input.WireType() && e.Operator == "olga" && e.Reason == "a test"
	}) {
		w.t.Errorf("the wish is not in the history: %+v", history)
	}
	return wish
}
