package service

import (
	"slices"
	"testing"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/payment/internal/sandboxtest"
)

func TestCharge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(w.client)
	o := newOrder("pm_ok")
	w.authorize(o, 1)
	w.expect(o, authorized(o))
	w.capture(o, 1)
	w.expect(o, authorized(o), captured(o))
	if e := w.of(o.id)[1]; e.cause != o.capture.String() || e.sequence != pad(2) {
		t.Errorf("the event %+v does not answer %s", e, o.capture)
	}
	w.effects(o, map[string]int64{"authorize": total, "capture": total})

	w.capture(o, 1) // repeats: nothing
	w.authorize(o, 1)
	w.quiet(o, authorized(o), captured(o))
	w.capture(o, 2) // sent again: the same answer
	w.expect(o, authorized(o), captured(o), captured(o))
	if all := w.of(o.id); all[1] != all[2] {
		t.Errorf("answered %+v, then %+v", all[1], all[2])
	}

	w.refund(o, 1)
	w.expect(o, authorized(o), captured(o), captured(o), refunded(o, total))
	w.void(o, 1) // nothing is left
	w.expect(o, authorized(o), captured(o), captured(o), refunded(o, total), voided(o, 0))
	w.effects(o, map[string]int64{"authorize": total, "capture": total, "refund": total})
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(w.client)
	declined := newOrder("pm_declined")
	w.authorize(declined, 1)
	w.expect(declined, contracts.PaymentDeclined{OrderID: declined.id, Reason: contracts.ReasonDeclined})
	w.effects(declined, nil)

	expired := newOrder("pm_capture_refused")
	w.authorize(expired, 1)
	w.expect(expired, authorized(expired))
	w.capture(expired, 1)
	refused := contracts.PaymentCaptureRefused{OrderID: expired.id, Reason: contracts.ReasonExpired}
	w.expect(expired, authorized(expired), refused)
	w.void(expired, 1)
	w.expect(expired, authorized(expired), refused, voided(expired, 0))
	w.effects(expired, map[string]int64{"authorize": total, "expire": total})

	early := newOrder("pm_ok") // captured without an authorization
	w.capture(early, 1)
	w.expect(early, contracts.PaymentCaptureRefused{OrderID: early.id, Reason: contracts.ReasonExpired})
}

// Lost answers and failures: the same key until there is an answer, and one effect.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(w.client)
	for _, method := range []string{"pm_timeout_after", "pm_flap"} {
		o := newOrder(method)
		w.authorize(o, 1)
		w.expect(o, authorized(o))
		w.capture(o, 1)
		w.expect(o, authorized(o), captured(o))
		w.effects(o, map[string]int64{"authorize": total, "capture": total})
	}
	o := newOrder("pm_ok")
	w.provider.Set(t, sandboxtest.Switch{Operation: "*", Fault: "5xx", Times: 7})
	w.authorize(o, 1)
	w.expect(o, authorized(o))
	w.provider.Set(t, sandboxtest.Switch{Operation: "*", Fault: "5xx", Times: 5})
	w.void(o, 1)
	w.expect(o, authorized(o), voided(o, total))
	w.effects(o, map[string]int64{"authorize": total, "void": total})
}

// While the outcome is unknown nothing is said; the void closes the call, and a later attempt of the do is superseded.
func TestVoidOfUnknown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(w.client)
	for _, method := range []string{"pm_timeout_before", "pm_5xx"} {
		o := newOrder(method)
		w.authorize(o, 1)
		w.quiet(o)
		w.authorize(o, 2) // sent again meanwhile: no answer
		w.quiet(o)
		w.void(o, 1)
		w.expect(o, voided(o, 0))
		w.authorize(o, 3)
		w.expect(o, voided(o, 0), contracts.PaymentDeclined{OrderID: o.id, Reason: contracts.ReasonSuperseded})
		w.effects(o, nil)
	}
}

// The provider does it late, after the void: it is refused there. It did it in time: it is undone, and the do gets no
// success.
func TestVoidWhileInFlight(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(w.client)
	late := newOrder("pm_ok")
	w.provider.Set(t, sandboxtest.Switch{Operation: "authorize", Fault: "late", DelayMS: 700, Times: 1})
	w.authorize(late, 1)
	w.void(late, 1)
	w.expect(late, voided(late, 0))
	w.provider.Set(t, sandboxtest.Switch{Operation: "authorize", Fault: "timeout_after"})
	w.provider.Set(t, sandboxtest.Switch{Operation: "get", Fault: "5xx"})
	done := newOrder("pm_ok")
	w.authorize(done, 1)
	testkit.Eventually(t, func() bool { return len(w.provider.Ledger(t, done.id.String())) == 1 }, "the effect")
	w.void(done, 1)
	w.expect(done, voided(done, total))
	w.effects(done, map[string]int64{"authorize": total, "void": total})
	w.outlast(900)
	w.quiet(late, voided(late, 0))
	w.effects(late, nil)
}

// An undo before its command: nothing is called, and the late command is refused.
func TestUndoBeforeCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(w.client)
	o := newOrder("pm_ok")
	w.void(o, 1)
	nothing := contracts.PaymentVoided{OrderID: o.id, Amount: contracts.Money{Currency: "XXX"}}
	w.expect(o, nothing)
	w.authorize(o, 1)
	superseded := contracts.PaymentDeclined{OrderID: o.id, Reason: contracts.ReasonSuperseded}
	w.expect(o, nothing, superseded)
	w.void(o, 1)
	w.authorize(o, 1)
	w.quiet(o, nothing, superseded)
	w.effects(o, nil)

	held := newOrder("pm_ok")
	w.authorize(held, 1)
	w.expect(held, authorized(held))
	w.refund(held, 1)
	w.expect(held, authorized(held), refunded(held, 0))
	w.capture(held, 1)
	late := contracts.PaymentCaptureRefused{OrderID: held.id, Reason: contracts.ReasonSuperseded}
	w.expect(held, authorized(held), refunded(held, 0), late)
	w.void(held, 1)
	w.expect(held, authorized(held), refunded(held, 0), late, voided(held, total))
	w.effects(held, map[string]int64{"authorize": total, "void": total})
}

// Scenario 18: the same attempt sends nothing, a higher one the recorded answer, and the money moves once.
func TestARepeatedUndoSendsTheRecordedAnswerOrNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(w.client)
	o := newOrder("pm_ok")
	w.authorize(o, 1)
	w.expect(o, authorized(o))
	w.capture(o, 1)
	want := []any{authorized(o), captured(o)}
	w.expect(o, want...)
	for _, undo := range []struct {
		send   func(*order, int)
		answer any
	}{{w.refund, refunded(o, total)}, {w.void, voided(o, 0)}} {
		undo.send(o, 1)
		want = append(want, undo.answer)
		w.expect(o, want...)
		undo.send(o, 1)
		w.quiet(o, want...)
		undo.send(o, 2)
		want = append(want, undo.answer)
		w.expect(o, want...)
		if all := w.of(o.id); all[len(all)-1] != all[len(all)-2] {
			t.Errorf("answered %+v, then %+v", all[len(all)-2], all[len(all)-1])
		}
	}
	w.effects(o, map[string]int64{"authorize": total, "capture": total, "refund": total})
}

// The provider refuses an undo for good: it is owed, and a higher attempt tries again under another key.
func TestUndoFailsForGood(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(w.client)
	o := newOrder("pm_ok")
	w.provider.Set(t, sandboxtest.Switch{Operation: "authorize", Fault: "slow", DelayMS: 200, Times: 1})
	w.authorize(o, 1)
	w.capture(o, 1) // before the authorization is answered: in order all the same
	testkit.Eventually(t, func() bool { return len(w.of(o.id)) == 2 })
	if _, refused := w.of(o.id)[0].body.(contracts.PaymentCaptureRefused); !refused {
		t.Fatalf("captured what was not authorized: %+v", w.of(o.id))
	}

	o = newOrder("pm_ok")
	w.authorize(o, 1)
	w.expect(o, authorized(o))
	w.capture(o, 1)
	w.expect(o, authorized(o), captured(o))
	w.provider.Set(t, sandboxtest.Switch{Operation: "refund", Fault: "refuse", Code: "account_closed", Times: 2})
	failed := contracts.PaymentRefundFailed{OrderID: o.id, Detail: "account_closed"}
	w.refund(o, 1)
	w.expect(o, authorized(o), captured(o), failed)
	w.refund(o, 1) // a repeat is no attempt
	w.quiet(o, authorized(o), captured(o), failed)
	w.refund(o, 2)
	w.expect(o, authorized(o), captured(o), failed, failed)
	if all := w.of(o.id); all[2].id == all[3].id {
		t.Error("a failure was sent twice as one message")
	}
	w.void(o, 1) // the others go on
	w.expect(o, authorized(o), captured(o), failed, failed, voided(o, 0))
	w.refund(o, 3)
	w.expect(o, authorized(o), captured(o), failed, failed, voided(o, 0), refunded(o, total))
	w.effects(o, map[string]int64{"authorize": total, "capture": total, "refund": total})
	var keys []string
	for _, e := range w.provider.Ledger(t, o.id.String()) {
		if e.Operation == "refund" {
			keys = append(keys, e.Key)
		}
	}
	if r := o.r.String(); !slices.Equal(keys, []string{r + "-0", r + "-1", r + "-2"}) {
		t.Errorf("the refunds' keys are %v, want the command's id with the number of failures", keys)
	}
}
