package service

import (
	"testing"
	"time"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/payment/internal/sandboxtest"
)

// declinedAfterLate makes the provider keep the first authorization for a while, refuse the second without remembering that,
// and then do the first: the worst that a provider can do that forgets its refusals.
func (w *world) declinedAfterLate(delay int) {
	w.Helper()
	w.provider.Set(w, sandboxtest.Switch{Operation: "authorize", Fault: "refuse_forget", Code: "card_declined"})
	w.provider.Set(w, sandboxtest.Switch{Operation: "authorize", Fault: "late", DelayMS: delay, Times: 1})
}

func declined(o *order) any {
	return contracts.PaymentDeclined{OrderID: o.id, Reason: contracts.ReasonDeclined}
}

// A refusal is not believed while an earlier call may still be done: the operation is closed first.
func TestForgottenRefusal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(w.client)
	w.declinedAfterLate(2000)
	o := newOrder("pm_ok")
	w.authorize(o, 1)
	w.agrees(o, 2200)
}

// It is done after the refusal and before it is closed: what closing finds counts.
func TestForgottenRefusalOfWhatWasDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.timeout = 3 * time.Second
	w.run(w.client)
	w.declinedAfterLate(3800)
	w.provider.Set(t, sandboxtest.Switch{Operation: "close", Fault: "slow", DelayMS: 1500})
	o := newOrder("pm_ok")
	w.authorize(o, 1)
	w.expect(o, authorized(o))
	w.effects(o, map[string]int64{"authorize": total})
}

// What a replica left behind without an answer, killed or stopped, counts as a call without one.
func TestForgottenRefusalAfterCrash(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(w *world) (end func()){
		"killed":  func(w *world) func() { return w.crash("1", w.client) },
		"stopped": func(w *world) func() { _, stop := w.run(w.client); return stop },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.timeout = time.Minute
			end := start(w)
			w.declinedAfterLate(3000)
			o := newOrder("pm_ok")
			w.authorize(o, 1)
			testkit.Eventually(t, func() bool { return len(w.provider.Faults(t)) == 1 }, "the first call")
			end()
			w.crash("1", w.client)
			w.agrees(o, 3200)
		})
	}
}

// The provider forgot the keys of what it did without an answer: it is found by the order, not done again.
func TestForgottenKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(w.client)
	o := newOrder("pm_ok")
	for _, step := range []struct {
		operation string
		send      func(*order, int)
		answers   []any
	}{
		{"authorize", w.authorize, []any{authorized(o)}},
		{"void", w.void, []any{authorized(o), voided(o, total)}},
	} {
		w.provider.Set(t, sandboxtest.Switch{Operation: "*", Fault: "5xx"})
		w.provider.Set(t, sandboxtest.Switch{Operation: step.operation, Fault: "timeout_after", Times: 1})
		before := len(w.provider.Ledger(t, o.id.String()))
		step.send(o, 1)
		testkit.Eventually(t, func() bool { return len(w.provider.Ledger(t, o.id.String())) > before }, step.operation)
		w.provider.ForgetKeys(t)
		testkit.Eventually(t, func() bool { return w.attempts(o) > 0 }, "a call without an answer")
		w.provider.Clear(t)
		w.expect(o, step.answers...)
	}
	w.effects(o, map[string]int64{"authorize": total, "void": total})
}

// The order was undone while its authorization was unknown, done and forgotten: closing it finds it.
func TestForgottenKeyIsClosed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(w.client)
	w.provider.Set(t, sandboxtest.Switch{Operation: "*", Fault: "5xx"})
	w.provider.Set(t, sandboxtest.Switch{Operation: "authorize", Fault: "timeout_after", Times: 1})
	o := newOrder("pm_ok")
	w.authorize(o, 1)
	testkit.Eventually(t, func() bool { return len(w.provider.Ledger(t, o.id.String())) == 1 }, "the effect")
	w.provider.ForgetKeys(t)
	w.void(o, 1)
	testkit.Eventually(t, func() bool {
		var undoing bool
		err := w.db.Pool.QueryRow(t.Context(), `SELECT state = 'undoing' FROM operation WHERE order_id = $1`, o.id).Scan(&undoing)
		return err == nil && undoing
	}, "the void accepted")
	w.provider.Clear(t)
	w.expect(o, voided(o, total))
	w.effects(o, map[string]int64{"authorize": total, "void": total})
}

// agrees waits for the order's answer, and for what the provider may do late, and wants the answer to be what the provider
// did: a refusal and nothing held, which is usual, or, where this machine was slower than the provider, a success and a hold.
func (w *world) agrees(o *order, ms int) {
	w.Helper()
	testkit.Eventually(w, func() bool { return len(w.of(o.id)) == 1 }, "an answer")
	answer := w.of(o.id)[0].body
	w.outlast(ms)
	w.quiet(o, answer)
	if answer == authorized(o) {
		w.effects(o, map[string]int64{"authorize": total})
		return
	}
	w.effects(o, nil)
	w.expect(o, declined(o))
}

// attempts returns how many calls of the order's open operation got no answer.
func (w *world) attempts(o *order) (n int) {
	w.Helper()
	err := w.db.Pool.QueryRow(w.Context(),
		`SELECT coalesce(sum(attempts), 0) FROM operation WHERE order_id = $1 AND due_at IS NOT NULL`, o.id).Scan(&n)
	if err != nil {
		w.Fatal(err)
	}
	return n
}
