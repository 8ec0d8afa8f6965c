package check

// checkEvents holds every event against what it follows from: an answer names a command that exists, asked the right
// question, and is the only answer, but for failures of a compensation, after which it may be tried again.
func (l *life) checkEvents() {
	ids := map[ID]*message{}
	final := map[ID]*message{} // command → its answer
	for _, s := range []source{fromOrder, fromPayment, fromWarehouse} {
		for _, m := range l.said[s] {
			if before := ids[m.id]; before != nil {
				l.violates(Promise, "%s and %s have one ce_id, %s", before, m, m.id)
			}
			ids[m.id] = m
			if m.isAnswer() {
				l.checkAnswer(m, final)
			}
		}
	}
	l.checkPlacing()
	l.checkCancellation()
	l.checkUndoneStaysUndone()
	l.checkUnanswered(final)
}

func (l *life) checkAnswer(m *message, final map[ID]*message) {
	asked := m.kind.asks()
	command := l.first[asked]
	switch {
	case command == nil:
		l.violates(Cause, "%s answers a %s that was never sent", m, asked)
		return
	case m.cause != command.id:
		l.violates(Cause, "%s names the command %s, but the %s is %s", m, m.cause, asked, command.id)
		return
	case m.at+slack.Milliseconds() < command.at:
		l.violates(Cause, "%s appeared %d ms before the command that it answers, %s", m, command.at-m.at, command)
	}
	if m.role() == failsUndo {
		if before := final[m.cause]; before != nil {
			l.violates(Cause, "%s was answered with %s, and then with %s", command, before, m)
		}
		return
	}
	if before := final[m.cause]; before != nil {
		i := Cause
		if m.source == fromOrder {
			i = I6
		}
		l.violates(i, "%s was answered twice: %s, %s", command, before, m)
	}
	final[m.cause] = m
	if m.words().Reason == "superseded" && l.first[steps[m.step()].undo] == nil && m.kind != dispatchRefused {
		l.violates(Cause, "%s says superseded, but its undo was never asked for", m)
	}
}

// checkPlacing: an order begins with its one OrderPlaced, which follows from no message.
func (l *life) checkPlacing() {
	p := l.first[orderPlaced]
	if p == nil {
		return // outcome.go
	}
	if n := l.count(orderPlaced); n > 1 {
		l.violates(I8, "it was placed %d times, first as %s", n, p)
	}
	if p.sequence != 1 {
		l.violates(Promise, "%s has sequence %d", p, p.sequence)
	}
	if p.cause != (ID{}) {
		l.violates(Cause, "%s names a cause, %s", p, p.cause)
	}
	price := &p.words().Price
	if goods, ok := p.words().sum(); !ok || goods != price.Goods.Minor {
		l.violates(I1, "%s has goods for %s, but its lines come to %d", p, price.Goods, goods)
	}
	if price.Goods.Minor+price.Shipping.Minor != price.Total.Minor {
		l.violates(I1, "%s has a total of %s, but goods for %s and shipping for %s", p, price.Total, price.Goods, price.Shipping)
	}
	skus := map[string]bool{}
	for _, line := range p.words().Lines {
		if skus[line.SKU] {
			l.violates(Wire, "%s names %s twice", p, line.SKU)
		}
		skus[line.SKU] = true
	}
}

// checkCancellation: a wish is said once; it is declined where, and only where, the order ended otherwise.
func (l *life) checkCancellation() {
	wish, no, end := l.first[cancellationRequested], l.first[cancellationDeclined], l.end()
	if wish != nil && (l.count(cancellationRequested) > 1 || wish.cause != (ID{})) {
		l.violates(Cause, "the cancellation was asked for %d times, %s names the cause %s", l.count(cancellationRequested), wish, wish.cause)
	}
	ended := end != nil && end.kind != orderCancelled
	switch {
	case no != nil && wish == nil:
		l.violates(Cause, "%s, but nobody asked for a cancellation", no)
	case no != nil && !ended:
		l.violates(Cause, "%s, but the order is not completed or rejected", no)
	case no == nil && wish != nil && ended:
		l.violates(Cause, "%s came to nothing by %s, but was not declined", wish, end)
	case no != nil && (no.cause != end.cause || no.sequence > end.sequence || l.count(cancellationDeclined) > 1):
		l.violates(Cause, "%s is not said once, before %s and for its reason", no, end)
	}
	if end != nil && end.kind == orderCancelled && wish == nil {
		l.violates(Cause, "%s, but nobody asked for a cancellation", end)
	}
	if end != nil && end.sequence != l.highest(fromOrder) {
		l.violates(I6, "after its end, %s, the order went on with sequence %d", end, l.highest(fromOrder))
	}
}

// checkUndoneStaysUndone is rule 5's assertion: no success of a step comes after the step's undo.
func (l *life) checkUndoneStaysUndone() {
	for s := range steps {
		undone, done := l.first[steps[s].undone], l.first[steps[s].done]
		if steps[s].undone != noKind && undone != nil && done != nil && done.sequence > undone.sequence {
			l.violates(Cause, "%s succeeded after it was undone: %s, %s", steps[s].name, undone, done)
		}
	}
}

// checkUnanswered finds commands that nobody answered, and nobody will: those of orders that are done with, unless their
// own undo was asked for.
func (l *life) checkUnanswered(final map[ID]*message) {
	if l.end() == nil {
		return // it is in flight, or alerts: outcome.go
	}
	for k := noKind + 1; k < kindCount; k++ {
		command := l.first[k]
		if !k.command() || command == nil || final[command.id] != nil {
			continue
		}
		step := command.step()
		undoing := command.role() == does && steps[step].undo != noKind && l.first[steps[step].undo] != nil
		if !undoing && !l.waived(step) {
			l.violates(Cause, "%s was never answered", command)
		}
	}
}
