package check

import "strings"

// checkOrderRow holds the order service's row against what it said.
func (l *life) checkOrderRow() {
	r, p, end := l.rows.Order, l.first[orderPlaced], l.end()
	switch {
	case r == nil:
		return // outcome.go
	case p == nil:
		l.violates(I8, "the order service has it, %s, but never said so", r.Status)
		return
	}
	w := p.words()
	if r.Customer != w.Customer || r.Method != w.Method || r.ShipTo != w.ShipTo || r.Total != w.Total || !sameOrder(r.Lines, w.Lines) {
		l.violates(Effect, "the order service has %s of %s, %d lines, by %s to %s, but said so: %s", r.Total, r.Customer, len(r.Lines), r.Method, r.ShipTo, p)
	}
	status, cancellation, step, reason := "placed", "none", "", ""
	changes := int64(1)
	if l.first[cancellationRequested] != nil {
		cancellation = "requested"
		changes++
	}
	if l.first[cancellationDeclined] != nil {
		cancellation = "declined"
	}
	if end != nil {
		status = ends[end.kind]
		changes++
	}
	if end != nil && end.kind == orderRejected {
		step, reason = end.words().Step, end.words().Reason
	}
	if r.Status != status || r.Finished != (status != "placed") {
		l.violates(I6, "it is %s in the order service, but %s by what the order service said (%s)", r.Status, status, describe(end))
	}
	if r.Cancellation != cancellation || r.Step != step || r.Reason != reason || r.Version != changes {
		l.violates(Effect, "the order service has cancellation %s, step %q, reason %q, version %d, but said %s, %q, %q, %d",
			r.Cancellation, r.Step, r.Reason, r.Version, cancellation, step, reason, changes)
	}
}

// sameOrder tells whether two orders' lines are the same, prices too.
func sameOrder(a, b []Line) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// operation is payment's row of a kind, nil where there is none.
func (l *life) operation(kind string) *OperationRow {
	for i := range l.rows.Operations {
		if l.rows.Operations[i].Kind == kind {
			return &l.rows.Operations[i]
		}
	}
	return nil
}

// checkOperations holds payment's rows against what payment said and what the provider did.
func (l *life) checkOperations() {
	for s, name := range map[int]string{stepAuthorize: "authorization", stepCapture: "capture"} {
		r, command, done := l.operation(name), l.first[steps[s].do], l.first[steps[s].done]
		switch {
		case r == nil && done != nil:
			l.violates(Effect, "%s, but payment has no %s", done, name)
		case r != nil && command == nil:
			l.violates(Effect, "payment has an %s (%s), but no %s was ever sent", name, r.State, steps[s].do)
		case r != nil:
			l.checkOperation(r, s, command)
		}
	}
}

func (l *life) checkOperation(r *OperationRow, s int, command *message) {
	t := &steps[s]
	if r.Command != command.id || r.Amount != command.words().Amount {
		l.violates(Effect, "payment's %s is of command %s over %s, but %s asked for %s", r.Kind, r.Command, r.Amount, command, command.words().Amount)
	}
	done, undone := l.doneAtProvider(s)
	entry := ""
	if done != nil {
		entry = done.ID
	}
	if r.Settled && r.Done > 0 != (done != nil) || done != nil && r.Settled && (r.Done != done.Minor || r.Entry != entry) {
		l.violates(Effect, "payment has %s done with %d as %q, but the provider did: %s", r.Kind, r.Done, r.Entry, tell(done))
	}
	if !r.Settled && done != nil && l.end() != nil {
		l.violates(Effect, "payment does not know what became of its %s, but the provider did: %s", r.Kind, done)
	}
	if r.Undone != undone && l.end() != nil {
		l.violates(Effect, "payment has %d of its %s undone, but the provider gave back %d", r.Undone, r.Kind, undone)
	}
	if failures := l.count(t.failed); r.Failures != failures && !(l.surfaced(s) && r.Failures > failures) {
		l.violates(Effect, "payment counts %d failed undos of its %s, but said so %d times", r.Failures, r.Kind, failures)
	}
	if want := l.wantedState(s); !strings.Contains(want, " "+r.State+" ") {
		l.violates(Effect, "payment's %s is %s, but by what payment said it must be%s", r.Kind, r.State, want)
	}
}

// doneAtProvider is what the ledger says of a step: the entry that moved money, and how much was moved back on purpose.
func (l *life) doneAtProvider(s int) (done *Entry, undone int64) {
	do, undo := "authorize", "void"
	if s == stepCapture {
		do, undo = "capture", "refund"
	}
	for _, e := range l.entries {
		switch {
		case e.Operation == do && e.moved():
			done = e
		case e.Operation == undo && e.moved():
			undone += e.Minor
		}
	}
	return done, undone
}

// wantedState is which states the operation of a step may be in, by what payment said.
func (l *life) wantedState(s int) string {
	t := &steps[s]
	done, refused, undone, failed := l.first[t.done], l.first[t.refused], l.first[t.undone], l.first[t.failed]
	declined := refused != nil && refused.words().Reason != "superseded"
	switch {
	case l.surfaced(s) && done == nil:
		return " refused undoing undone undo_failed "
	case undone != nil && declined:
		return " refused "
	case undone != nil:
		return " undone refused " // refused, where its key was closed before it was asked for
	case failed != nil:
		return " undo_failed undoing "
	case refused != nil:
		return " refused undoing "
	case done != nil && l.first[t.undo] != nil && l.end() == nil:
		return " done undoing "
	case done != nil:
		return " done "
	case l.end() == nil:
		return " intended undoing "
	}
	return " undone "
}
