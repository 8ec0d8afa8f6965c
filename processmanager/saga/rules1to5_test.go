package saga_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"ordersaga.internal/processmanager/saga"
	"ordersaga.internal/processmanager/saga/sagatest"
)

func given(t *testing.T) *sagatest.Story[string] {
	t.Helper()
	return sagatest.Given(t, saga.Define(parcel()), placed{}).Sends(msg("Hold"))
}

// Rule 1: a refused step did nothing and is not undone.
func TestRule1RefusedIsNotUndone(t *testing.T) {
	t.Parallel()
	s := given(t).
		Answer(msg("Held")).Sends(msg("Pay")).
		Answer(refusal{"PayRefused", "declined"}).Sends(msg("LetGo")).Outcome("pay", saga.Refused).
		Answer(msg("HeldNoMore")).Sends(msg("Reject")).Is(saga.Ending)
	want := ended{"Reject", saga.Failure{Step: "pay", Reason: "declined"}}
	if got := s.Sent[0].Body; got != want {
		t.Errorf("told the customer %v, want %v", got, want)
	}
	s.Answer(msg("RejectedSaid")).Sends().Is(saga.Rejected)
}

// Rule 1: a step without an answer is re-sent at intervals; at its deadline its outcome is unknown, and it is undone too.
func TestRule1UnknownIsUndone(t *testing.T) {
	t.Parallel()
	s := given(t).Answer(msg("Held")).Sends(msg("Pay"))
	for range 5 {
		s.After(resend).Sends(msg("Pay")).Is(saga.Running)
	}
	s.After(resend).Sends(msg("Refund")).Is(saga.Unwinding).
		AnswerTo("pay", false, msg("Paid")).Was(saga.Late).
		Answer(msg("Refunded")).Sends(msg("LetGo")).
		Answer(msg("HeldNoMore")).Sends(msg("Reject"))
	want := ended{"Reject", saga.Failure{Step: "pay", Reason: saga.TimedOut}}
	if got := s.Sent[0].Body; got != want {
		t.Errorf("told the customer %v, want %v", got, want)
	}
}

// Rule 1: compensations, the pivot, retriable steps and the end are re-sent without limit, backing off, never given up.
func TestRule1NeverGivenUp(t *testing.T) {
	t.Parallel()
	ship := func(t *testing.T) *sagatest.Story[string] {
		return given(t).Answer(msg("Held")).Answer(msg("Paid"))
	}
	for name, at := range map[string]func(*testing.T) *sagatest.Story[string]{
		"Ship":   ship,
		"Tell":   func(t *testing.T) *sagatest.Story[string] { return ship(t).Answer(msg("Shipped")) },
		"Refund": func(t *testing.T) *sagatest.Story[string] { return ship(t).Answer(msg("ShipRefused")) },
		"Reject": func(t *testing.T) *sagatest.Story[string] { return given(t).Answer(msg("HoldRefused")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := at(t).Sends(msg(name))
			var waits []time.Duration
			for range 50 {
				wait := s.Instance.Outstanding.Due().Sub(s.Now)
				waits = append(waits, wait)
				s.After(wait - 1).Was(saga.Ignored).After(1).Sends(msg(name))
			}
			if waits[0] != resend {
				t.Errorf("the first wait is %s, want %s", waits[0], resend)
			}
			for n, wait := range waits[1:] {
				full := min(resend<<min(n+1, 10), 5*time.Minute)
				if wait >= full || wait <= full*3/4 {
					t.Errorf("wait %d is %s, want between %s and %s", n+2, wait, full*3/4, full)
				}
			}
		})
	}
}

// A step that is re-sent more rarely than backoff would goes on at its own interval.
func TestBackoffNeverHurries(t *testing.T) {
	t.Parallel()
	d := parcel()
	d.Steps[2].Resend = time.Hour
	s := sagatest.Given(t, saga.Define(d), placed{}).Answer(msg("Held")).Answer(msg("Paid")).Sends(msg("Ship")).
		After(time.Hour).Sends(msg("Ship"))
	if wait := s.Instance.Outstanding.Due().Sub(s.Now); wait < time.Hour*3/4 {
		t.Errorf("the second wait is %s", wait)
	}
}

// Rule 2: what succeeded is undone in reverse, one at a time, the next only after the answer.
func TestRule2ReverseOneAtATime(t *testing.T) {
	t.Parallel()
	given(t).
		Answer(msg("Held")).Answer(msg("Paid")).Sends(msg("Ship")).
		Answer(msg("ShipRefused")).Sends(msg("Refund")).Outcome("hold", saga.Succeeded).
		AnswerTo("hold", true, msg("HeldNoMore")).Was(saga.Late).
		Answer(msg("Refunded")).Sends(msg("LetGo")).
		Answer(msg("HeldNoMore")).Sends(msg("Reject")).
		Answer(msg("RejectedSaid")).Is(saga.Rejected)
}

// Rule 3, the engine's part: a command refused as superseded, because its undo came first, changes nothing.
func TestRule3SupersededIsLate(t *testing.T) {
	t.Parallel()
	given(t).
		After(timeout).Sends(msg("LetGo")).
		AnswerTo("hold", true, msg("HeldNoMore")).Sends(msg("Reject")).
		AnswerTo("hold", false, refusal{"HoldRefused", "superseded"}).Was(saga.Late).
		Answer(msg("RejectedSaid")).Is(saga.Rejected)
}

// Rule 4: a command keeps its id, attempts count up, and a retry of an owed compensation continues from the last.
func TestRule4AttemptsContinue(t *testing.T) {
	t.Parallel()
	s := given(t)
	hold := s.Sent[0]
	if want := uuid.NewSHA1(s.Instance.ID, []byte("hold/do")); hold.ID != want || hold.Attempt != 1 {
		t.Errorf("sent %s attempt %d, want %s attempt 1", hold.ID, hold.Attempt, want)
	}
	s.After(timeout).Sends(msg("LetGo"))
	if want := uuid.NewSHA1(s.Instance.ID, []byte("hold/undo")); s.Sent[0].ID != want {
		t.Errorf("sent %s, want %s", s.Sent[0].ID, want)
	}
	s.After(resend).Sends(msg("LetGo")).
		Answer(msg("LetGoFailed")).Sends().IsStuck().Outcome("hold", saga.Owed).
		When(saga.Retry{Reason: "the provider is back"}).Sends(msg("LetGo"))
	if got := s.Sent[0]; got.Attempt != 3 {
		t.Errorf("the retry is attempt %d, want 3", got.Attempt)
	}
	s.Answer(msg("HeldNoMore")).Sends(msg("Reject")).Is(saga.Ending)
}

// Rule 5: an answer to a command that is not outstanding has no effect.
func TestRule5LateAnswers(t *testing.T) {
	t.Parallel()
	given(t).
		When(msg("Held")).Was(saga.Late). // names no command
		AnswerTo("pay", false, msg("Paid")).Was(saga.Late).
		Answer(msg("Held")).Sends(msg("Pay")).
		Again().Was(saga.Late).
		AnswerTo("hold", false, msg("HoldRefused")).Was(saga.Late).
		Answer(msg("Paid")).Sends(msg("Ship"))
}

// Rule 5: an Undone settles an owed compensation whenever it comes, and clears the flag when nothing is owed.
func TestRule5UndoneSettlesTheOwed(t *testing.T) {
	t.Parallel()
	unwinding := func(t *testing.T) *sagatest.Story[string] {
		return given(t).Answer(msg("Held")).Answer(msg("Paid")).Answer(msg("ShipRefused")).
			Answer(refusal{"RefundFailed", "card_closed"}).Sends(msg("LetGo")).IsStuck()
	}
	t.Run("while another is outstanding", func(t *testing.T) {
		t.Parallel()
		unwinding(t).
			AnswerTo("pay", true, msg("Refunded")).Was(saga.Applied).Sends().Is(saga.Unwinding).
			Answer(msg("HeldNoMore")).Sends(msg("Reject"))
	})
	t.Run("while nothing else is left", func(t *testing.T) {
		t.Parallel()
		unwinding(t).
			Answer(msg("HeldNoMore")).Sends().IsStuck().
			AnswerTo("pay", true, msg("Refunded")).Sends(msg("Reject")).Is(saga.Ending)
	})
	t.Run("not the one of another command", func(t *testing.T) {
		t.Parallel()
		unwinding(t).When(msg("Refunded")).Was(saga.Late).IsStuck()
	})
	t.Run("one without a sequence does, one as old as the failure does not", func(t *testing.T) {
		t.Parallel()
		s := given(t).After(timeout)
		undo := s.Instance.Outstanding.Command
		s.Input(saga.Input{Causation: undo, Sequence: 3, Body: msg("LetGoFailed")}).IsStuck().
			Input(saga.Input{Causation: undo, Sequence: 3, Body: msg("HeldNoMore")}).Was(saga.Late).IsStuck().
			Input(saga.Input{Causation: undo, Body: msg("HeldNoMore")}).Was(saga.Applied).Is(saga.Ending)
	})
	t.Run("two are owed", func(t *testing.T) {
		t.Parallel()
		unwinding(t).
			Answer(msg("LetGoFailed")).Sends().
			AnswerTo("pay", true, msg("Refunded")).Sends().IsStuck().
			AnswerTo("hold", true, msg("HeldNoMore")).Sends(msg("Reject")).Is(saga.Ending)
	})
}

// Rule 5: a success sequenced after the same step's undo makes the instance stuck, even where it is over.
func TestRule5Assertion(t *testing.T) {
	t.Parallel()
	undone := func(t *testing.T) *sagatest.Story[string] {
		return given(t).Answer(msg("Held")).
			After(timeout).Sends(msg("Refund")).
			Answer(msg("Refunded")).Sends(msg("LetGo"))
	}
	t.Run("unwinding", func(t *testing.T) {
		t.Parallel()
		undone(t).
			AnswerTo("pay", false, msg("Paid")).Was(saga.Jammed).IsStuck().Outcome("pay", saga.Owed).
			Answer(msg("HeldNoMore")).Sends().IsStuck().
			When(saga.Waive{Step: "pay", Reason: "refunded by hand"}).Sends(msg("Reject")).Is(saga.Ending)
	})
	t.Run("over", func(t *testing.T) {
		t.Parallel()
		undone(t).
			Answer(msg("HeldNoMore")).Answer(msg("RejectedSaid")).Is(saga.Rejected).
			AnswerTo("pay", false, msg("Paid")).Was(saga.Jammed).IsStuck().
			When(saga.Waive{Step: "pay", Reason: "refunded by hand"}).Was(saga.Applied).Sends().Is(saga.Rejected)
	})
	t.Run("a success sequenced before is late", func(t *testing.T) {
		t.Parallel()
		s := given(t).Answer(msg("Held")).After(timeout)
		paid := saga.Input{Causation: saga.CommandID(s.Instance.ID, "pay", false), Sequence: 2, Body: msg("Paid")}
		refunded := saga.Input{Causation: saga.CommandID(s.Instance.ID, "pay", true), Sequence: 3, Body: msg("Refunded")}
		s.Input(refunded).Sends(msg("LetGo")).Input(paid).Was(saga.Late).Is(saga.Unwinding)
	})
	t.Run("nor is one sequenced before the Undone of an owed compensation", func(t *testing.T) {
		t.Parallel()
		s := given(t).After(timeout)
		do, undo := saga.CommandID(s.Instance.ID, "hold", false), saga.CommandID(s.Instance.ID, "hold", true)
		s.Input(saga.Input{Causation: undo, Sequence: 3, Body: msg("LetGoFailed")}).IsStuck().
			Input(saga.Input{Causation: undo, Sequence: 5, Body: msg("HeldNoMore")}).Is(saga.Ending).
			Input(saga.Input{Causation: do, Sequence: 4, Body: msg("Held")}).Was(saga.Late).
			Input(saga.Input{Causation: do, Sequence: 6, Body: msg("Held")}).Was(saga.Jammed)
	})
	t.Run("nor is one as old as the Undone, or where that has no age", func(t *testing.T) {
		t.Parallel()
		for _, undone := range []int64{3, 0} {
			s := given(t).After(timeout)
			s.Input(saga.Input{Causation: s.Instance.Outstanding.Command, Sequence: undone, Body: msg("HeldNoMore")}).Is(saga.Ending).
				Input(saga.Input{Causation: saga.CommandID(s.Instance.ID, "hold", false), Sequence: 3, Body: msg("Held")}).Was(saga.Late)
		}
	})
	t.Run("the Undone that came before does not settle it", func(t *testing.T) {
		t.Parallel()
		s := given(t).Answer(msg("Held")).After(timeout)
		refunded := saga.Input{Causation: saga.CommandID(s.Instance.ID, "pay", true), Sequence: 3, Body: msg("Refunded")}
		paid := saga.Input{Causation: saga.CommandID(s.Instance.ID, "pay", false), Sequence: 4, Body: msg("Paid")}
		s.Input(refunded).Input(paid).IsStuck().Input(refunded).Was(saga.Late).IsStuck()
	})
}
