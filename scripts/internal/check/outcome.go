package check

import "slices"

// ends says what each end event makes of an order, in every table.
var ends = map[kind]string{orderCompleted: "completed", orderRejected: "rejected", orderCancelled: "cancelled"}

// checkOutcome: an order that was placed ends in exactly one way, or alerts (I6, I8).
func (l *life) checkOutcome(outcomes map[string]int) {
	p, end := l.first[orderPlaced], l.end()
	switch {
	case p == nil:
		l.violates(I8, "there are messages of it, but it was never placed")
	case l.rows.Order == nil:
		l.violates(I8, "%s, but the order service has no such order", p)
	}
	for _, m := range l.said[fromOrder] {
		if ends[m.kind] != "" && m != end && m.kind != end.kind {
			l.violates(I6, "it has two outcomes, %s and %s", end, m)
		}
	}
	parcel := l.first[orderDispatched]
	if end == nil {
		outcomes["open"]++
		l.checkOpen()
		return
	}
	outcomes[ends[end.kind]]++
	if (end.kind == orderCompleted) != (parcel != nil) {
		l.violates(I6, "it is %s, %s, but its parcel is: %s", ends[end.kind], end, describe(parcel))
	}
	for s := range steps {
		if l.waived(s) {
			l.found.excuse(l.name, "waived", steps[s].name)
		}
	}
}

// checkOpen: what has not ended needs an operator, and says so where alerts look.
func (l *life) checkOpen() {
	i := l.rows.Instance
	for _, group := range l.heads {
		l.found.excuse(l.name, "behind a dead letter of "+group, l.whyDead(group))
	}
	switch {
	case i != nil && i.Stuck != "":
		cause := "stuck"
		for s := range steps {
			if l.outcomes()[s] == "owed" {
				cause = "owed"
			}
		}
		l.found.excuse(l.name, cause, i.Stuck)
	case len(l.heads) > 0:
	case l.held():
		l.found.excuse(l.name, "held in a deadline storm", l.lastCommand())
	case i == nil:
		l.violates(I6, "it did not end, and there is no saga instance that could alert")
	default:
		l.violates(I6, "it did not end and alerts nobody: it is %s and waits for an answer to its last command, %s", i.State, l.lastCommand())
	}
}

// held tells whether the order waits for a step whose deadlines are held.
func (l *life) held() bool {
	said := l.said[fromManager]
	return len(said) > 0 && slices.Contains(l.storms, steps[said[len(said)-1].step()].name) && said[len(said)-1].role() == does
}

func (l *life) lastCommand() string {
	if said := l.said[fromManager]; len(said) > 0 {
		return said[len(said)-1].String()
	}
	return "which was never sent"
}

// whyDead is the reason of the first letter of the order in a group.
func (l *life) whyDead(group string) string {
	for _, x := range l.letters {
		if x.Group == group {
			return x.Type + ", " + x.Reason
		}
	}
	return ""
}
