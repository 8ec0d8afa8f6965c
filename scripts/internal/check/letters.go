package check

// checkLetters: while a group holds a dead letter of an order, nothing of that order that came later is handled there
// (I5), as far as the log and the databases show; and a head alerts.
func (l *life) checkLetters() {
	for _, x := range l.letters {
		if !l.waits(x.Group) {
			l.violates(I5, "%s set %s (%s/%d@%d) aside, but nothing of the order waits for it", x.Group, x.Type, x.Topic, x.Partition, x.Offset)
		}
		if (x.Reason == "behind" || x.Reason == "undecidable" || x.Reason == "poison") && !l.appeared(x) {
			l.violates(Effect, "%s set aside %s/%d@%d, but that is no message of the order", x.Group, x.Topic, x.Partition, x.Offset)
		}
		if x.Group == "processmanager" {
			l.checkOvertakenEvent(x)
		} else {
			l.checkOvertakenCommand(x)
		}
	}
	for _, group := range l.heads {
		if l.whyDead(group) == "" {
			l.violates(I5, "it waits in %s behind a dead letter that is not there", group)
		}
	}
}

func (l *life) appeared(x Letter) bool {
	for _, said := range l.said {
		for _, m := range said {
			if topicNames[m.place.topic] == x.Topic && m.place.offset <= x.Offset && x.Offset <= m.last {
				return true
			}
		}
	}
	return false
}

func (l *life) checkOvertakenEvent(x Letter) {
	for _, h := range l.rows.History {
		if h.Topic == x.Topic && h.Offset > x.Offset {
			l.violates(I5, "the process manager handled %s (%s@%d), while %s (%s@%d) is a dead letter", h.Type, h.Topic, h.Offset, x.Type, x.Topic, x.Offset)
		}
	}
}

func (l *life) checkOvertakenCommand(x Letter) {
	for _, m := range l.said[fromManager] {
		if topicNames[m.place.topic] != x.Topic || m.place.offset <= x.Offset || l.first[m.kind] != m {
			continue
		}
		for _, s := range []source{fromOrder, fromPayment, fromWarehouse} {
			for _, answer := range l.said[s] {
				if answer.cause == m.id {
					l.violates(I5, "%s answered %s with %s, while %s (%s@%d) is a dead letter", x.Group, m, answer, x.Type, x.Topic, x.Offset)
				}
			}
		}
	}
}
