package saga

// answer takes an event that answers a command (rule 5): the outstanding one's moves the instance on; any other is late,
// but for an owed compensation and the assertion.
func (t *transition[D]) answer(b binding, in Input) Effect {
	i, name := &t.next, t.def.table.rows[b.row].name
	if o := i.Outstanding; o != nil && in.Causation == o.Command {
		if o.Step != name || o.Undo != b.role.undo() {
			return t.jam(in.Body.WireType() + " cannot answer " + describe(o))
		}
		if b.row < len(i.Steps) && in.Sequence > 0 && in.Sequence <= i.Steps[b.row].Answered {
			return t.note(Late, "counted before")
		}
		return t.proceed(b, in)
	}
	if b.row < len(i.Steps) {
		p := &i.Steps[b.row]
		switch {
		case b.role == undoes && p.Outcome == Owed && t.settles(p, in):
			return t.settleOwed(p, in)
		case b.role == succeeds && p.Outcome == Undone && in.Sequence > p.Answered && p.Answered > 0:
			return t.broken(p, in)
		}
	}
	return t.note(Late, "answers no outstanding command")
}

// proceed takes the answer to the outstanding command.
func (t *transition[D]) proceed(b binding, in Input) Effect {
	i, r := &t.next, &t.def.table.rows[b.row]
	if b.row >= t.def.table.steps {
		i.State, i.Outstanding = r.done, nil
		t.settleStuck()
		t.say(string(r.done))
		return Applied
	}
	p := &i.Steps[b.row]
	p.Answered = in.Sequence
	switch b.role {
	case succeeds:
		p.Outcome = Succeeded
		t.settleStuck()
		t.say(r.name + " succeeded")
		if i.Cancelling && r.kind == Compensatable {
			t.unwind()
		} else {
			t.begin(b.row + 1)
		}
	case refuses:
		p.Outcome = Refused
		t.settleStuck()
		t.fail(r.name, why(in.Body))
		t.say(r.name + " refused")
		t.unwind()
	case undoes:
		p.Outcome = Undone
		t.settleStuck()
		t.say(r.name + " undone")
		t.unwind()
	case failsUndo:
		p.Outcome, p.Failure = Owed, why(in.Body)
		if p.Failure == "" {
			p.Failure = "no reason given"
		}
		t.settleStuck()
		t.say("compensation of " + r.name + " failed for good")
		t.unwind()
		return Jammed
	default: // the other roles are no answers
	}
	return Applied
}

// settles tells whether an Undone is for the owed compensation: it answers its command, and it is not one that was counted
// before the step was found to be owed again.
func (t *transition[D]) settles(p *Progress, in Input) bool {
	return in.Causation == CommandID(t.next.ID, p.Step, true) && (in.Sequence == 0 || in.Sequence > p.Answered)
}

// settleOwed takes the Undone of an owed compensation, whenever it comes.
func (t *transition[D]) settleOwed(p *Progress, in Input) Effect {
	p.Outcome, p.Answered = Undone, in.Sequence
	t.say(p.Step + " undone")
	t.settled()
	return Applied
}

// settled goes on after an owed compensation was settled or waived.
func (t *transition[D]) settled() {
	t.settleStuck()
	if t.next.Outstanding == nil && !t.next.State.Final() {
		t.unwind()
	}
}

// broken is the assertion of rule 5: the participant answered a success after it had undone the step. It owes that
// compensation again, also where the instance is final; it can only be waived, or be undone by a new answer.
func (t *transition[D]) broken(p *Progress, in Input) Effect {
	p.Outcome, p.Answered, p.Failure = Owed, in.Sequence, assertionFailed
	t.settleStuck()
	return t.note(Jammed, p.Step+" succeeded after it was undone")
}

func (t *transition[D]) fail(step, reason string) {
	t.next.Failed, t.next.Reason = step, reason
}

func describe(o *Outstanding) string {
	if o.Undo {
		return "the compensation of " + o.Step
	}
	return o.Step
}

// assertionFailed is the Failure of a step that the assertion of rule 5 caught.
const assertionFailed = "succeeded after it was undone"
