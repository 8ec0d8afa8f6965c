package saga

// unwind sends the compensation of the last step that is still to be undone: it succeeded or its outcome is unknown
// (rule 2). Where none is left it sends the end command, unless a compensation is owed (rule 8).
func (t *transition[D]) unwind() {
	i := &t.next
	i.State, i.Outstanding = Unwinding, nil
	owed := false
	for k := len(i.Steps) - 1; k >= 0; k-- {
		switch i.Steps[k].Outcome {
		case Succeeded, Unknown:
			t.sendUndo(k)
			return
		case Owed:
			owed = true
		default: // nothing was done, or it is undone or waived
		}
	}
	if owed {
		t.say("waiting for what is owed")
		return
	}
	i.State = Ending
	end := t.def.table.steps // reject
	if i.Cancelling {
		end++
	}
	t.say("everything is undone; " + t.def.table.rows[end].name)
	t.sendFirst(end, false)
}

// sendUndo sends the compensation of a step for the first time, or goes on counting where it was owed.
func (t *transition[D]) sendUndo(k int) {
	t.say("undoing " + t.next.Steps[k].Step)
	t.next.Steps[k].Outcome = Undoing
	t.sendFirst(k, true)
}

// forceUnwind is an operator's Unwind.
func (t *transition[D]) forceUnwind(Unwind) Effect {
	i := &t.next
	switch {
	case i.State.Final():
		return t.note(Denied, "it is over")
	case i.State != Running:
		return t.note(Denied, "it is being unwound already")
	case t.row(i.Outstanding.Step).kind != Compensatable:
		return t.note(Denied, "there is no way back: "+i.Outstanding.Step+" was asked for")
	}
	t.say("unwound by an operator")
	t.giveUp()
	return Applied
}

// giveUp ends the wait for the outstanding step: its outcome is unknown, so it is undone too (rule 1).
func (t *transition[D]) giveUp() {
	last := &t.next.Steps[len(t.next.Steps)-1]
	last.Outcome = Unknown
	t.fail(last.Step, TimedOut)
	t.say(last.Step + " unknown")
	t.unwind()
}

// retry is an operator's Retry.
func (t *transition[D]) retry(wish Retry) Effect {
	i := &t.next
	o := i.Outstanding
	switch {
	case i.State.Final():
		return t.note(Denied, "it is over")
	case o != nil && (wish.Step == "" || wish.Step == o.Step):
		t.say(describe(o) + " sent again by an operator")
		t.resend()
		return Applied
	case o != nil:
		return t.note(Denied, "one at a time: waiting for "+describe(o))
	}
	for k := len(i.Steps) - 1; k >= 0; k-- {
		if p := i.Steps[k]; p.Outcome == Owed && (wish.Step == "" || wish.Step == p.Step) {
			t.say("retried by an operator")
			t.sendUndo(k)
			return Applied
		}
	}
	return t.note(Denied, "its compensation is not owed")
}

// waive is an operator's Waive.
func (t *transition[D]) waive(wish Waive) Effect {
	for k := range t.next.Steps {
		if p := &t.next.Steps[k]; p.Step == wish.Step && p.Outcome == Owed {
			p.Outcome = Waived
			t.say("compensation of " + p.Step + " waived by an operator")
			t.settled()
			return Applied
		}
	}
	return t.note(Denied, "its compensation is not owed")
}
