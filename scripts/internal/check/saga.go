package check

// checkCommands goes through what the process manager sent, in its own order, and holds each command against the saga's
// table and against what it must follow from.
func (l *life) checkCommands() {
	w := &walk{life: l}
	for _, m := range l.said[fromManager] {
		if !m.kind.command() {
			continue // the wrong speaker: wire.go
		}
		if want := commandID(l.id, m.kind); m.id != want {
			l.violates(Cause, "%s has the id %s, not %s, which is derived from order and step", m, m.id, want)
		}
		w.checkWords(m)
		if w.sent[m.kind]++; m.attempt != w.sent[m.kind] {
			l.violates(Cause, "%s is attempt %d, but sending number %d", m, m.attempt, w.sent[m.kind])
		}
		switch {
		case w.sent[m.kind] > 1:
			w.again(m)
		case m.role() == undoes:
			w.undo(m)
		case m.step() > stepComplete:
			w.finish(m)
		default:
			w.forward(m)
		}
		w.outstanding = m
	}
}

// walk is how far the commands have been followed.
type walk struct {
	*life
	sent        [kindCount]int // by command, how often so far
	outstanding *message       // the last one sent
	begun       int            // steps of the table
	unwinding   bool
	ended       bool
}

// cause returns the event or operator's wish that a command names. It reports a name of nothing.
func (w *walk) cause(m *message) (event *message, wish *HistoryRow) {
	if m.cause == (ID{}) {
		return nil, nil
	}
	if event = w.event(m.cause); event == nil {
		if wish = w.wish(m.cause); wish == nil {
			w.violates(Cause, "%s follows from %s, which is no event and no operator's wish", m, m.cause)
		}
		return nil, wish
	}
	if m.at+slack.Milliseconds() < event.at {
		w.violates(Cause, "%s appeared %d ms before %s, from which it follows", m, event.at-m.at, event)
	}
	return event, nil
}

// forward: a step begins when the one before it has succeeded, and not on the way back.
func (w *walk) forward(m *message) {
	want := orderPlaced
	for s := range m.step() {
		if w.has(s) {
			want = steps[s].done
		}
	}
	event, _ := w.cause(m)
	switch {
	case m.kind == dispatchOrder && w.first[paymentCaptured] == nil:
		w.violates(I3, "%s, but nothing was captured", m)
	case event == nil && m.cause != (ID{}):
		// Reported.
	case event == nil || event.kind != want:
		w.violates(Cause, "%s must follow from %s, not from %s", m, want, describe(event))
	}
	if m.step() != w.next() || w.unwinding || w.ended {
		w.violates(Cause, "%s, but %s", m, w.situation())
	}
	w.begun = max(w.begun, m.step()+1)
}

// next is the step that comes after those begun.
func (w *walk) next() int {
	s := w.begun
	for s < stepComplete && !w.has(s) {
		s++
	}
	return s
}

// again: what is outstanding is sent again when its time has come, or an operator wants it. A compensation that failed is
// sent again when an operator wants it.
func (w *walk) again(m *message) {
	event, wish := w.cause(m)
	if event != nil || wish != nil && wish.Type != "saga.Retry" {
		w.violates(Cause, "%s was sent again because of %s", m, describe(event))
	}
	if w.outstanding.kind == m.kind {
		return
	}
	owed := m.role() == undoes && steps[m.step()].failed != noKind && w.first[steps[m.step()].failed] != nil
	if !owed || wish == nil {
		w.violates(Cause, "%s was sent again after %s, though it was no longer outstanding", m, w.outstanding)
	}
}

// undo: a step is undone when it has succeeded or its outcome is unknown, after everything later is settled, because
// something later did not go well or the customer asked.
func (w *walk) undo(m *message) {
	s := m.step()
	event, wish := w.cause(m)
	last := w.begun - 1
	switch {
	case s > last || w.ended:
		w.violates(Cause, "%s, but %s", m, w.situation())
	case event == nil && wish == nil && m.cause != (ID{}):
		// Reported.
	case event == nil: // a deadline, or an operator who brings it forward
		if s != last || last > stepCapture || w.unwinding || wish != nil && wish.Type != "saga.Unwind" {
			w.violates(Cause, "%s follows from no event, but %s", m, w.situation())
		}
	case !w.leadsTo(event, s):
		w.violates(Cause, "%s cannot follow from %s", m, event)
	case w.first[steps[s].done] == nil:
		w.violates(Cause, "%s, but %s never succeeded", m, steps[s].name)
	}
	for later := s + 1; later <= min(last, stepCapture); later++ {
		if w.has(later) && !w.settled(later, m) {
			w.violates(Cause, "%s, before %s was settled", m, steps[later].name)
		}
	}
	w.unwinding = true
}

// leadsTo tells whether an event makes the process manager undo step s.
func (w *walk) leadsTo(e *message, s int) bool {
	switch e.role() {
	case refuses:
		return e.step() == w.begun-1 && e.step() > s
	case isUndone, failsUndo:
		return e.step() > s
	case succeeds:
		return e.step() == s && w.first[cancellationRequested] != nil
	}
	return false
}

// settled tells whether a step needs no more undoing at the time when m was sent: refused, undone, or owed.
func (w *walk) settled(s int, m *message) bool {
	t := &steps[s]
	for _, k := range []kind{t.refused, t.undone, t.failed} {
		if k != noKind && w.first[k] != nil && w.first[k].at <= m.at+slack.Milliseconds() {
			return true
		}
	}
	return w.waived(s)
}

// finish: the end of unwinding comes when nothing is left to undo and nothing is owed.
func (w *walk) finish(m *message) {
	event, wish := w.cause(m)
	switch {
	case w.ended || w.begun == 0 || w.begun > stepComplete:
		w.violates(Cause, "%s, but %s", m, w.situation())
	case event != nil && event.role() != refuses && event.role() != isUndone,
		wish != nil && wish.Type != "saga.Waive",
		m.cause == (ID{}):
		w.violates(Cause, "%s cannot follow from %s", m, describe(event))
	}
	last := w.begun - 1
	for s := 0; s <= min(last, stepCapture); s++ {
		refused := s == last && w.first[steps[s].refused] != nil && w.first[steps[s].undo] == nil
		if w.has(s) && w.first[steps[s].undone] == nil && !refused && !w.waived(s) {
			w.violates(Cause, "%s, but %s is not undone", m, steps[s].name)
		}
	}
	if last == stepDispatch && w.first[dispatchRefused] == nil {
		w.violates(Cause, "%s, but the dispatch was not refused", m)
	}
	if m.kind == cancelOrder && w.first[cancellationRequested] == nil {
		w.violates(Cause, "%s, but nobody asked for a cancellation", m)
	}
	if m.kind == rejectOrder {
		w.checkReason(m, last)
	}
	w.ended = true
}

// checkReason: an order is rejected for the refusal of the last step begun, or because that one timed out.
func (w *walk) checkReason(m *message, last int) {
	says, step := m.words(), &steps[last]
	refusal, undo := w.first[step.refused], w.first[step.undo]
	switch {
	case says.Step != step.name:
		w.violates(Cause, "%s names %q, but the last step begun is %s", m, says.Step, step.name)
	case says.Reason == "timed_out" && (undo == nil || undo.cause != (ID{}) && w.wish(undo.cause) == nil):
		w.violates(Cause, "%s says that %s timed out, but it was not given up", m, step.name)
	case says.Reason != "timed_out" && (step.refused == noKind || refusal == nil || refusal.words().Reason != says.Reason):
		w.violates(Cause, "%s says %s, but that is not what %s was refused for", m, says.Reason, step.name)
	}
}

// checkWords: commands ask for what was placed, and nothing else.
func (w *walk) checkWords(m *message) {
	p := w.first[orderPlaced]
	if p == nil {
		return // outcome.go
	}
	says, order := m.words(), p.words()
	if m.kind == reserveStock || m.kind == dispatchOrder {
		if !sameLines(says.Lines, order.Lines) || m.kind == dispatchOrder && says.ShipTo != order.ShipTo {
			w.violates(Cause, "%s does not ask for what was placed, %s", m, p)
		}
	}
	if says.Amount != (Money{}) && says.Amount != order.Total {
		w.violates(I1, "%s asks for %s, but the order is worth %s (%s)", m, says.Amount, order.Total, p)
	}
	if says.Customer != "" && says.Customer != order.Customer || says.Method != "" && says.Method != order.Method {
		w.violates(Cause, "%s does not ask whom placed it, %s", m, p)
	}
}

// situation is where the walk stands, in words.
func (w *walk) situation() string {
	switch {
	case w.ended:
		return "the end was asked for already"
	case w.begun == 0:
		return "nothing had begun"
	case w.unwinding:
		return "it was being unwound; the last step begun is " + steps[w.begun-1].name
	default:
		return "the last step begun is " + steps[w.begun-1].name
	}
}

func describe(m *message) string {
	if m == nil {
		return "no event"
	}
	return m.String()
}
