package check

// databases says whose fence is in which database.
var databases = map[string]source{"orders": fromOrder, "payments": fromPayment, "warehouse": fromWarehouse}

// groups says how each participant is called as a reader of commands.
var groups = map[source]string{fromOrder: "order", fromPayment: "payment", fromWarehouse: "warehouse"}

// about is what a fence's row is about.
func (r *FenceRow) about() kind {
	for s := range steps {
		if steps[s].operation == r.Operation {
			if r.Undo {
				return steps[s].undo
			}
			return steps[s].do
		}
	}
	return noKind
}

// checkFences holds each participant's memory against what it said.
func (l *life) checkFences() {
	var counters [sourceCount]int64
	memory := map[ID]*FenceRow{}
	for i := range l.rows.Fence {
		r := &l.rows.Fence[i]
		s, ok := databases[r.Database]
		if !ok {
			continue
		}
		if r.State == "counter" {
			counters[s] = r.Sequence
			continue
		}
		command := l.first[r.about()]
		if command == nil || r.Command == nil || *r.Command != command.id {
			l.violates(Effect, "%s remembers %s (undo %t, %s), but that was never asked for", r.Database, r.Operation, r.Undo, r.State)
			continue
		}
		memory[command.id] = r
		l.checkMemory(r, s, command)
	}
	for s := range fromManager {
		l.checkRemembered(s, counters[s], memory)
	}
}

// checkMemory holds one row against the log.
func (l *life) checkMemory(r *FenceRow, s source, command *message) {
	if r.State == "open" && l.end() != nil {
		l.violates(Effect, "%s still works on %s, but the order ended", r.Database, command)
	}
	most := l.last(command.kind).attempt
	given := r.Undo || steps[command.step()].undo == noKind || l.first[steps[command.step()].undo] == nil
	if r.Attempt > most || r.Attempt < most && given && !l.troubled(groups[s]) {
		l.violates(Effect, "%s has seen attempt %d of %s, but the log has attempt %d", r.Database, r.Attempt, command, most)
	}
	if r.Sequence == 0 {
		return
	}
	var said *message
	for _, m := range l.said[s] {
		if m.sequence == r.Sequence {
			said = m
		}
	}
	switch {
	case said == nil:
		l.violates(Promise, "%s answered %s with %s, its sequence %d, but the log has no such message", r.Database, command, r.Type, r.Sequence)
	case said.kind.String() != r.Type || topicNames[said.place.topic] != r.Topic || said.cause != command.id || said.value != sumOf([]byte(r.Data)):
		l.violates(Effect, "%s answered %s with %s %s, but the log has %s", r.Database, command, r.Type, r.Data, said)
	}
}

// checkRemembered: a participant remembers everything that it said.
func (l *life) checkRemembered(s source, counter int64, memory map[ID]*FenceRow) {
	emitted := int64(0)
	for _, m := range l.said[s] {
		if !m.isAnswer() {
			emitted = m.sequence
			continue
		}
		switch r := memory[m.cause]; {
		case r == nil:
			l.violates(Effect, "%s, but its fence remembers no such command", m)
		case r.Sequence < m.sequence, r.Sequence > m.sequence && m.role() != failsUndo:
			l.violates(Effect, "%s, but its fence remembers sequence %d as the answer", m, r.Sequence)
		}
	}
	switch {
	case counter > emitted:
		l.violates(Promise, "%s has emitted its sequence %d, but the log has no such message", sourceNames[s], counter)
	case counter < emitted:
		l.violates(Effect, "%s remembers no event of sequence %d", sourceNames[s], emitted)
	}
}
