package check

// handled is an event as the process manager handled it.
type handled struct {
	event  *message
	offset int64 // of the appearance that it handled
	turn   int   // when, counted
}

// checkOvertaking: the process manager handles the events of one topic in the log's order, also those that waited behind a dead
// letter and were handled by an operator's wish (I5). Its commands, in their own order, and its history say in which order it
// did.
func (l *life) checkOvertaking() {
	offsets := make(map[ID]int64, len(l.rows.History))
	byHistory := make([]handled, 0, len(l.rows.History))
	for i := range l.rows.History {
		h := &l.rows.History[i]
		if e := l.event(h.Input); e != nil && h.Topic == topicNames[e.place.topic] {
			offsets[h.Input] = h.Offset
			byHistory = append(byHistory, handled{event: e, offset: h.Offset, turn: h.Transition})
		}
	}
	byCommands := make([]handled, 0, len(l.said[fromManager]))
	for n, m := range l.said[fromManager] {
		e := l.event(m.cause)
		if e == nil {
			continue
		}
		offset, known := offsets[e.id]
		if !known {
			offset = e.place.offset
		}
		byCommands = append(byCommands, handled{event: e, offset: offset, turn: n})
	}
	l.checkInOrder("commands", byCommands)
	l.checkInOrder("history", byHistory)
}

// checkInOrder accuses an event that was handled after one of its topic that came later. Those of one turn are not told apart:
// an input without effect has the number of the transition before it.
func (l *life) checkInOrder(by string, all []handled) {
	for i := range all {
		for j := range all {
			before, after := &all[i], &all[j]
			if before.turn < after.turn && before.event.place.topic == after.event.place.topic && before.offset > after.offset {
				l.violates(I5, "by its %s the process manager handled %s, read at %d, before %s, read at %d", by,
					before.event, before.offset, after.event, after.offset)
				return
			}
		}
	}
}
