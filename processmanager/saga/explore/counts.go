package explore

import (
	"fmt"
	"slices"

	"ordersaga.internal/processmanager/saga"
)

// checkCounted restates rules 5 and 8 for an answer of a step: it counts once, and then is noted; what settles something
// owed does, whenever it comes; and what failed for good is owed.
func (t *tables[D]) checkCounted(f *form[D], in saga.Input, next *saga.Instance[D], changed bool) error {
	is := func(m saga.Message) bool { return m != nil && m.WireType() == in.Body.WireType() }
	for k, p := range f.Steps {
		s, after := &t.config.Definition.Steps[k], next.Steps[k]
		if !is(s.Done) && !is(s.Refused) && !is(s.Undone) && !is(s.UndoFailed) {
			continue
		}
		asked := f.Outstanding != nil && f.Outstanding.Command == in.Causation
		switch newer := in.Sequence > p.Answered; {
		case changed && !newer:
			return fmt.Errorf("rule 5: %s was counted before, and has an effect again", saga.ShortName(in.Body))
		case changed && after.Answered != in.Sequence:
			return fmt.Errorf("rule 5: %s has an effect, and is not noted", saga.ShortName(in.Body))
		case newer && is(s.Undone) && p.Outcome == saga.Owed && in.Causation == saga.CommandID(f.ID, p.Step, true) && after.Outcome != saga.Undone:
			return fmt.Errorf("rule 5: %s does not settle what is owed", saga.ShortName(in.Body))
		case newer && is(s.UndoFailed) && asked && after.Outcome != saga.Owed:
			return fmt.Errorf("rule 8: after %s its step is %s", saga.ShortName(in.Body), after.Outcome)
		}
	}
	return nil
}

// checkWish says what an operator may rely on: what the rules allow is done.
func (t *tables[D]) checkWish(f *form[D], in saga.Input, next *saga.Instance[D], out []saga.Outgoing) error {
	o, done := f.Outstanding, true
	switch wish := in.Body.(type) {
	case saga.Unwind:
		done = f.State != saga.Running || t.kind(o.Step) != saga.Compensatable || next.State != saga.Running
	case saga.Waive:
		at := slices.IndexFunc(f.Steps, func(p saga.Progress) bool { return p.Step == wish.Step && p.Outcome == saga.Owed })
		done = at < 0 || next.Steps[at].Outcome == saga.Waived
	case saga.Retry:
		allowed := o != nil && (wish.Step == "" || wish.Step == o.Step) || o == nil && len(f.owed) > 0 && (wish.Step == "" || f.owes(wish.Step))
		done = !allowed || len(out) == 1
	}
	if !done {
		return fmt.Errorf("%s is allowed, and nothing is done", in.Body.WireType())
	}
	return nil
}
