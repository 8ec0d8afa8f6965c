package explore

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"ordersaga.internal/processmanager/saga"
)

// checkForm says what the rules of the engine (DESIGN, section 3) forbid an instance to be.
func (t *tables[D]) checkForm(f *form[D]) error {
	owed := len(f.owed) > 0
	for _, p := range f.Steps {
		owed = owed || p.Outcome == saga.Undoing && p.Failure != "" // retried, and not answered yet
		if p.Failure == "succeeded after it was undone" {
			return fmt.Errorf("the assertion of rule 5 fired: %s succeeded after it was undone", p.Step)
		}
	}
	o := f.Outstanding
	switch {
	case owed != (f.Stuck != ""):
		return fmt.Errorf("rule 8: a compensation is owed: %t, stuck because %q", owed, f.Stuck)
	case f.State.Final() && o != nil:
		return fmt.Errorf("it is %s, yet %s is outstanding", f.State, o.Step)
	case !f.State.Final() && o == nil && len(f.owed) == 0:
		return fmt.Errorf("it is %s, and nothing is outstanding or owed", f.State)
	case f.State == saga.Ending && owed:
		return errors.New("rule 8: the end command was sent while a compensation is owed")
	case o != nil && f.deadline != (!o.Undo && f.State == saga.Running && t.kind(o.Step) == saga.Compensatable):
		return fmt.Errorf("rule 1: %s, undo %t, has a deadline: %t", o.Step, o.Undo, f.deadline)
	case o != nil && (f.State == saga.Ending) != (o.Step == saga.RejectStep || o.Step == saga.CancelStep):
		return fmt.Errorf("it is %s, and %s is outstanding", f.State, o.Step)
	case f.State == saga.Ending && (o.Step == saga.CancelStep) != f.Cancelling:
		return fmt.Errorf("rule 6: it ends by %s, cancelling is %t", o.Step, f.Cancelling)
	}
	return t.checkOutcomes(f)
}

// checkOutcomes says what the outcomes of the steps may not be together.
func (t *tables[D]) checkOutcomes(f *form[D]) error {
	for k, p := range f.Steps {
		last := k == len(f.Steps)-1
		if o := f.Outstanding; (p.Outcome == saga.Undoing) != (o != nil && o.Undo && o.Step == p.Step) {
			return fmt.Errorf("rule 2: %s is %s, and its compensation is outstanding or not", p.Step, p.Outcome)
		}
		switch forward := f.State == saga.Running || f.State == saga.Completed; {
		case forward && p.Outcome != saga.Succeeded && (!last || p.Outcome != saga.Open || f.State == saga.Completed):
			return fmt.Errorf("it is %s, and %s is %s", f.State, p.Step, p.Outcome)
		case forward:
		case t.kind(p.Step) != saga.Compensatable && p.Outcome != saga.Refused:
			return fmt.Errorf("it is %s, though %s is %s", f.State, p.Step, p.Outcome)
		case f.State != saga.Unwinding && p.Outcome != saga.Refused && p.Outcome != saga.Undone && p.Outcome != saga.Waived:
			return fmt.Errorf("rule 2: it is %s, and %s is %s", f.State, p.Step, p.Outcome)
		}
	}
	if f.State == saga.Completed && len(f.Steps) < len(t.config.Definition.Steps) {
		return errors.New("it is completed before its last step")
	}
	return nil
}

// checkStep says what the rules of the engine forbid an input to do.
func (t *tables[D]) checkStep(f *form[D], in saga.Input, next *saga.Instance[D], out []saga.Outgoing, note saga.Note) error {
	changed := note.Effect == saga.Applied || note.Effect == saga.Jammed
	switch {
	case !changed && (len(out) > 0 || string(next.AppendKey(nil)) != string(f.AppendKey(nil))):
		return fmt.Errorf("%s was %s, and changed or sent something", saga.ShortName(in.Body), note.Effect)
	case f.State.Final() && (changed || len(out) > 0):
		return fmt.Errorf("%s was not the end: %s", f.State, note.Text)
	case note.Effect == saga.Jammed && !t.fails(in.Body):
		return fmt.Errorf("stuck, and no compensation failed: %s", note.Text)
	case len(out) > 1:
		return fmt.Errorf("%d commands at once", len(out))
	case len(out) == 0 && unsent(f.Outstanding, next.Outstanding):
		return fmt.Errorf("rule 4: attempt %d of %s was not sent", next.Outstanding.Attempt, next.Outstanding.Step)
	}
	err := cmp.Or(t.checkAnswer(f, in, next, changed), t.checkCounted(f, in, next, changed), t.checkWish(f, in, next, out))
	if err != nil {
		return err
	}
	for _, o := range out {
		if err := t.checkSent(f, next, o); err != nil {
			return err
		}
	}
	return nil
}

// unsent tells whether a command, or another attempt of it, became outstanding.
func unsent(before, after *saga.Outstanding) bool {
	return after != nil && (before == nil || before.Command != after.Command || before.Attempt != after.Attempt)
}

// checkAnswer restates rules 5 and 6 for an event: what does not answer the outstanding command has no effect, but for an
// owed compensation; a cancellation counts where it comes in time, and only there.
func (t *tables[D]) checkAnswer(f *form[D], in saga.Input, next *saga.Instance[D], changed bool) error {
	o := f.Outstanding
	if cancel := t.config.Definition.Cancel; cancel != nil && in.Body.WireType() == cancel.WireType() {
		late := f.State.Final() || f.State == saga.Ending || f.State == saga.Running && t.kind(o.Step) == saga.Retriable
		if want := f.Cancelling || !late; next.Cancelling != want {
			return fmt.Errorf("rule 6: a cancellation that comes too late: %t; cancelling is %t after it", late, next.Cancelling)
		}
		return nil
	}
	if !changed || in.Causation == uuid.Nil || o != nil && o.Command == in.Causation {
		return nil
	}
	for k, p := range f.Steps {
		if p.Outcome == saga.Owed && in.Causation == saga.CommandID(f.ID, p.Step, true) && next.Steps[k].Outcome == saga.Undone {
			return nil
		}
	}
	return fmt.Errorf("rule 5: %s is late, and has an effect", saga.ShortName(in.Body))
}

// checkSent restates rules 2, 4 and 6 for a command.
func (t *tables[D]) checkSent(f *form[D], next *saga.Instance[D], c saga.Outgoing) error {
	o := next.Outstanding
	if o == nil || c.ID != o.Command || c.Attempt != o.Attempt || c.ID != saga.CommandID(f.ID, o.Step, o.Undo) {
		return fmt.Errorf("rule 4: %s was sent, it is not what is outstanding", saga.ShortName(c.Body))
	}
	before, at := 0, -1
	for k := range t.config.Definition.Steps {
		if t.config.Definition.Steps[k].Name == o.Step {
			at = k
		}
	}
	switch {
	case o.Undo && at < len(f.Steps):
		before = f.Steps[at].UndoAttempt
	case f.Outstanding != nil && f.Outstanding.Command == o.Command:
		before = f.Outstanding.Attempt
	}
	switch {
	case c.Attempt != before+1:
		return fmt.Errorf("rule 4: attempt %d of %s after %d", c.Attempt, saga.ShortName(c.Body), before)
	case at < 0:
		return nil
	case !o.Undo && before == 0 && f.Cancelling && t.kind(o.Step) != saga.Retriable:
		return fmt.Errorf("rule 6: it goes on with %s though it was cancelled", o.Step)
	case o.Undo && f.Steps[at].Outcome == saga.Refused:
		return fmt.Errorf("rule 1: %s was refused, and is undone", o.Step)
	}
	for k := at + 1; o.Undo && k < len(next.Steps); k++ {
		if w := next.Steps[k].Outcome; w == saga.Succeeded || w == saga.Unknown || w == saga.Undoing {
			return fmt.Errorf("rule 2: %s is undone while %s is %s", o.Step, next.Steps[k].Step, w)
		}
	}
	return nil
}

// fails tells whether an event says that a compensation failed for good.
func (t *tables[D]) fails(m saga.Message) bool {
	for k := range t.config.Definition.Steps {
		if f := t.config.Definition.Steps[k].UndoFailed; f != nil && f.WireType() == m.WireType() {
			return true
		}
	}
	return false
}
