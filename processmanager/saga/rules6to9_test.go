package saga_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"ordersaga.internal/processmanager/saga"
	"ordersaga.internal/processmanager/saga/sagatest"
)

// Rule 6: cancelling waits for the outstanding answer or deadline, then unwinds, and ends with the cancellation.
func TestRule6Cancelling(t *testing.T) {
	t.Parallel()
	asked := func(t *testing.T) *sagatest.Story[string] {
		return given(t).Answer(msg("Held")).When(msg("CancelAsked")).Was(saga.Applied).Sends().Is(saga.Running)
	}
	t.Run("says for what it waits", func(t *testing.T) {
		t.Parallel()
		if got, want := asked(t).Note.Text, "cancellation noted; waiting for the answer to pay"; got != want {
			t.Errorf("the history says %q, want %q", got, want)
		}
	})
	t.Run("success", func(t *testing.T) {
		t.Parallel()
		asked(t).Answer(msg("Paid")).Sends(msg("Refund")).Answer(msg("Refunded")).Sends(msg("LetGo")).
			Answer(msg("HeldNoMore")).Sends(msg("Cancel")).
			Answer(msg("CancelledSaid")).Sends().Is(saga.Cancelled)
	})
	t.Run("refusal still ends as cancelled", func(t *testing.T) {
		t.Parallel()
		asked(t).Answer(msg("PayRefused")).Sends(msg("LetGo")).Answer(msg("HeldNoMore")).Sends(msg("Cancel"))
	})
	t.Run("deadline", func(t *testing.T) {
		t.Parallel()
		asked(t).After(timeout).Sends(msg("Refund"))
	})
	t.Run("while unwinding", func(t *testing.T) {
		t.Parallel()
		given(t).Answer(msg("Held")).Answer(msg("PayRefused")).Sends(msg("LetGo")).
			When(msg("CancelAsked")).Was(saga.Applied).
			Answer(msg("HeldNoMore")).Sends(msg("Cancel"))
	})
	t.Run("twice", func(t *testing.T) {
		t.Parallel()
		asked(t).When(msg("CancelAsked")).Was(saga.Ignored)
	})
	t.Run("after the end command", func(t *testing.T) {
		t.Parallel()
		given(t).Answer(msg("HoldRefused")).Sends(msg("Reject")).
			When(msg("CancelAsked")).Was(saga.Ignored).
			Answer(msg("RejectedSaid")).Is(saga.Rejected).
			When(msg("CancelAsked")).Was(saga.Ignored)
	})
}

// Rule 6: once the pivot was sent, success completes and refusal unwinds.
func TestRule6Pivot(t *testing.T) {
	t.Parallel()
	asked := func(t *testing.T) *sagatest.Story[string] {
		return given(t).Answer(msg("Held")).Answer(msg("Paid")).Sends(msg("Ship")).
			When(msg("CancelAsked")).Was(saga.Applied).Sends()
	}
	t.Run("success", func(t *testing.T) {
		t.Parallel()
		asked(t).Answer(msg("Shipped")).Sends(msg("Tell")).
			When(msg("CancelAsked")).Was(saga.Ignored).
			Answer(msg("Told")).Is(saga.Completed)
	})
	t.Run("refusal", func(t *testing.T) {
		t.Parallel()
		asked(t).Answer(msg("ShipRefused")).Sends(msg("Refund")).Answer(msg("Refunded")).
			Answer(msg("HeldNoMore")).Sends(msg("Cancel"))
	})
	t.Run("too late", func(t *testing.T) {
		t.Parallel()
		given(t).Answer(msg("Held")).Answer(msg("Paid")).Answer(msg("Shipped")).Sends(msg("Tell")).
			When(msg("CancelAsked")).Was(saga.Ignored)
	})
}

// Rule 7, the engine's part: re-sending leaves the deadline, redriving starts it anew, an early or doubled Due is ignored.
func TestRule7Deadlines(t *testing.T) {
	t.Parallel()
	s := given(t)
	deadline := s.Instance.Outstanding.Deadline
	s.After(resend - 1).Was(saga.Ignored).
		After(1).Sends(msg("Hold")).
		When(saga.Due{}).Was(saga.Ignored).
		When(saga.Retry{}).Sends(msg("Hold"))
	if got := s.Instance.Outstanding.Deadline; !got.Equal(deadline) {
		t.Errorf("the deadline moved from %s to %s", deadline, got)
	}
	s.Now = deadline
	s.When(saga.Redriven{}).Was(saga.Applied).Sends().
		When(saga.Due{}).Was(saga.Ignored).
		After(timeout).Sends(msg("LetGo"))
	if !s.Instance.Outstanding.Deadline.IsZero() {
		t.Error("a compensation has a deadline")
	}
}

// The instance is due at its deadline where that comes before the next sending.
func TestDueAtTheDeadline(t *testing.T) {
	t.Parallel()
	s := given(t)
	deadline := s.Instance.Outstanding.Deadline
	s.Now = deadline.Add(-1)
	s.When(saga.Retry{}).Sends(msg("Hold"))
	if due := s.Instance.Outstanding.Due(); !due.Equal(deadline) {
		t.Errorf("due at %s, the deadline is %s", due, deadline)
	}
	s.After(1).Sends(msg("LetGo"))
}

// Rule 8: an event that the table does not bind makes the instance stuck; it still takes inputs, and a proper answer clears
// the flag.
func TestRule8Stuck(t *testing.T) {
	t.Parallel()
	given(t).
		When(msg("Noise")).Was(saga.Ignored).
		When(placed{}).Was(saga.Ignored).
		When(msg("NeverHeardOf")).Was(saga.Jammed).IsStuck().
		After(resend).Sends(msg("Hold")).IsStuck().
		Answer(msg("Held")).Sends(msg("Pay")).Is(saga.Running).
		Answer(msg("Held")).Was(saga.Jammed).Sends().IsStuck(). // of all things, in answer to Pay
		AnswerTo("pay", false, msg("Refunded")).Was(saga.Jammed).Sends().IsStuck().
		Answer(msg("Paid")).Sends(msg("Ship")).Is(saga.Running)
	given(t).When(msg("NeverHeardOf")).IsStuck().
		Answer(msg("HoldRefused")).Sends(msg("Reject")).Is(saga.Ending).
		When(msg("NeverHeardOf")).IsStuck().
		Answer(msg("RejectedSaid")).Sends().Is(saga.Rejected)
}

// Rule 8: what failed for good is owed; the others go on, the end waits until nothing is owed.
func TestRule8Owed(t *testing.T) {
	t.Parallel()
	owed := func(t *testing.T) *sagatest.Story[string] {
		return given(t).Answer(msg("Held")).Answer(msg("Paid")).Answer(msg("ShipRefused")).
			Answer(refusal{"RefundFailed", "card_closed"}).Was(saga.Jammed).Sends(msg("LetGo")).
			Answer(msg("HeldNoMore")).Sends().IsStuck()
	}
	t.Run("says what and why", func(t *testing.T) {
		t.Parallel()
		if got, want := owed(t).Instance.Stuck, "compensation owed: pay (card_closed)"; got != want {
			t.Errorf("stuck because %q, want %q", got, want)
		}
	})
	t.Run("no time helps", func(t *testing.T) {
		t.Parallel()
		owed(t).After(24 * time.Hour).Was(saga.Ignored).IsStuck()
	})
	t.Run("retried, and failed again", func(t *testing.T) {
		t.Parallel()
		owed(t).When(saga.Retry{Step: "pay"}).Sends(msg("Refund")).
			Answer(msg("RefundFailed")).Was(saga.Jammed).Sends().IsStuck().
			When(saga.Retry{Step: "pay"}).Sends(msg("Refund")).
			Answer(msg("Refunded")).Sends(msg("Reject")).Is(saga.Ending)
	})
	t.Run("being retried it still needs an operator's eye", func(t *testing.T) {
		t.Parallel()
		given(t).Answer(msg("Held")).Answer(msg("Paid")).Answer(msg("ShipRefused")).
			Answer(msg("RefundFailed")).Answer(msg("LetGoFailed")).
			When(saga.Retry{Step: "hold"}).Sends(msg("LetGo")).
			When(saga.Waive{Step: "pay"}).Was(saga.Applied).Sends().IsStuck().
			Answer(msg("HeldNoMore")).Sends(msg("Reject")).Is(saga.Ending)
	})
	t.Run("the failure of before the retry counts once", func(t *testing.T) {
		t.Parallel()
		s := given(t).After(timeout)
		failed := saga.Input{Causation: s.Instance.Outstanding.Command, Sequence: 7, Body: msg("LetGoFailed")}
		s.Input(failed).IsStuck().When(saga.Retry{}).Sends(msg("LetGo")).
			Input(failed).Was(saga.Late).Outcome("hold", saga.Undoing)
	})
	t.Run("waived", func(t *testing.T) {
		t.Parallel()
		owed(t).When(saga.Waive{Step: "hold"}).Was(saga.Denied).IsStuck().
			When(saga.Waive{Step: "pay"}).Sends(msg("Reject")).Is(saga.Ending).Outcome("pay", saga.Waived).
			AnswerTo("pay", true, msg("Refunded")).Was(saga.Late).
			Answer(msg("RejectedSaid")).Is(saga.Rejected)
	})
	t.Run("cancelled meanwhile", func(t *testing.T) {
		t.Parallel()
		owed(t).When(msg("CancelAsked")).Was(saga.Applied).Sends().
			When(saga.Waive{Step: "pay"}).Sends(msg("Cancel"))
	})
}

// Rule 8: final instances record everything late, and operators are told no.
func TestRule8Final(t *testing.T) {
	t.Parallel()
	s := given(t).Answer(msg("HoldRefused")).Answer(msg("RejectedSaid")).Is(saga.Rejected).Again().Was(saga.Late)
	for _, m := range []saga.Message{msg("Held"), msg("HeldNoMore"), msg("Told"), msg("NeverHeardOf")} {
		s.When(m).Was(saga.Late).Is(saga.Rejected)
	}
	for _, m := range []saga.Message{saga.Retry{}, saga.Waive{Step: "hold"}, saga.Unwind{}} {
		s.When(m).Was(saga.Denied).Is(saga.Rejected)
	}
	for _, m := range []saga.Message{saga.Due{}, saga.Redriven{}, placed{}, msg("Noise")} {
		s.When(m).Was(saga.Ignored).Is(saga.Rejected)
	}
}

// Rule 9: an instance ends under the version that it started with.
func TestRule9Versions(t *testing.T) {
	t.Parallel()
	v1, v2 := parcel(), parcel()
	v2.Version = 2
	v2.Steps = append(v2.Steps[:1:1], v2.Steps[2:]...) // paid elsewhere now
	old, both := saga.NewSet(saga.Define(v1)), saga.NewSet(saga.Define(v2), saga.Define(v1))

	start := saga.Input{Subject: uuid.New(), Body: placed{}}
	i, out, _, err := old.Start(start, sagatest.Epoch)
	if err != nil {
		t.Fatal(err)
	}
	held := saga.Input{Subject: start.Subject, Causation: out[0].ID, Body: msg("Held")}
	if i, out, _, err = both.Apply(i, held, sagatest.Epoch); err != nil || out[0].Body != msg("Pay") || i.Version != 1 {
		t.Errorf("version 1 sent %v, %v; want Pay", out, err)
	}
	j, _, _, err := both.Start(start, sagatest.Epoch)
	if err != nil {
		t.Fatal(err)
	}
	if j, out, _, err = both.Apply(j, held, sagatest.Epoch); err != nil || out[0].Body != msg("Ship") || j.Version != 2 {
		t.Errorf("version 2 sent %v, %v; want Ship", out, err)
	}
	if _, _, _, err = old.Apply(j, held, sagatest.Epoch); !errors.Is(err, saga.ErrUnknownVersion) {
		t.Errorf("a version that is not registered: %v", err)
	}
}

// Between two releases, the earlier one ends what the later one starts, and starts nothing with it itself.
func TestRule9NotYet(t *testing.T) {
	t.Parallel()
	v1, v2 := parcel(), parcel()
	v2.Version = 2
	v2.Steps = append(v2.Steps[:1:1], v2.Steps[2:]...)
	earlier, later := saga.NewSet(saga.Define(v1), saga.NotYet(saga.Define(v2))), saga.NewSet(saga.Define(v1), saga.Define(v2))
	start := saga.Input{Subject: uuid.New(), Body: placed{}}
	if i, _, _, err := earlier.Start(start, sagatest.Epoch); err != nil || i.Version != 1 {
		t.Errorf("the earlier release starts version %d, %v", i.Version, err)
	}
	j, out, _, err := later.Start(start, sagatest.Epoch)
	if err != nil || j.Version != 2 {
		t.Fatalf("the later release starts version %d, %v", j.Version, err)
	}
	held := saga.Input{Subject: start.Subject, Causation: out[0].ID, Body: msg("Held")}
	if _, out, _, err = earlier.Apply(j, held, sagatest.Epoch); err != nil || out[0].Body != msg("Ship") {
		t.Errorf("the earlier release sent %v, %v; want Ship", out, err)
	}
}

// A set tells of all its versions, the newest first, whether or not an order starts with it.
func TestOutlines(t *testing.T) {
	t.Parallel()
	first, next := parcel(), parcel()
	next.Version = 2
	next.Steps = append(next.Steps[:1:1], next.Steps[2:]...)
	v1, v2 := saga.Define(first), saga.Define(next)
	o := saga.NewSet(v1, saga.NotYet(v2)).Outlines()
	if len(o) != 2 || o[0].Version != 2 || o[1].Version != 1 || o[0].Name != v1.Name || o[0].Starts || !o[1].Starts || len(o[0].Steps)+1 != len(o[1].Steps) {
		t.Fatalf("%+v", o)
	}
	table, err := o[1].Table()
	want, wrong := saga.Table(v1)
	if err != nil || wrong != nil || table != want || o[1].Mermaid() != saga.Diagram(v1) || o[0].SVG() != saga.DiagramSVG(v2) {
		t.Errorf("%v: it draws something else", err)
	}
}

// An operator's Unwind is the deadline brought forward; once the pivot was sent it is denied.
func TestUnwind(t *testing.T) {
	t.Parallel()
	given(t).Answer(msg("Held")).
		When(saga.Unwind{Reason: "fraud"}).Sends(msg("Refund")).Is(saga.Unwinding).
		When(saga.Unwind{Reason: "fraud"}).Was(saga.Denied).
		Answer(msg("Refunded")).Sends(msg("LetGo"))
	given(t).Answer(msg("Held")).Answer(msg("Paid")).Sends(msg("Ship")).
		When(saga.Unwind{}).Was(saga.Denied).
		Answer(msg("Shipped")).When(saga.Unwind{}).Was(saga.Denied)
}

// One compensation at a time, also for operators.
func TestRetryOneAtATime(t *testing.T) {
	t.Parallel()
	given(t).Answer(msg("Held")).Answer(msg("Paid")).Answer(msg("ShipRefused")).
		Answer(msg("RefundFailed")).Sends(msg("LetGo")).
		When(saga.Retry{Step: "pay"}).Was(saga.Denied).
		When(saga.Retry{Step: "hold"}).Sends(msg("LetGo")).
		Answer(msg("LetGoFailed")).
		When(saga.Retry{Step: "ship"}).Was(saga.Denied).
		When(saga.Retry{}).Sends(msg("Refund")). // the last in the table first
		Answer(msg("Refunded")).Sends().IsStuck().
		When(saga.Retry{}).Sends(msg("LetGo")).
		Answer(msg("HeldNoMore")).Sends(msg("Reject"))
}
