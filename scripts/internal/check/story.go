package check

import (
	"slices"
	"sort"
)

// life is everything that is known of one order.
type life struct {
	id      ID
	name    string
	said    [sourceCount][]*message // first appearances, by sequence
	rows    *Rows
	entries []*Entry // of the provider's ledger
	letters []Letter // dead letters of any group
	heads   []string // groups in which it waits behind one
	storms  []string // steps whose deadlines are held
	found   *findings

	// What the tables of finding things are made of, once everything is read.
	first [kindCount]*message // the first of each type
	keys  map[string]forKey   // what the provider did, by key
	steps *[stepCount]string  // outcomes, once asked for
}

func (l *life) violates(i Invariant, format string, args ...any) {
	l.found.add(i, l.name, format, args...)
}

// hear takes one record's message and tells whether it had appeared before. Each topic is heard in the order of offsets.
func (l *life) hear(m *message) (again bool) {
	said := l.said[m.source]
	i := len(said)
	if i > 0 && said[i-1].sequence >= m.sequence {
		i = sort.Search(len(said), func(i int) bool { return said[i].sequence >= m.sequence })
	}
	if i < len(said) && said[i].sequence == m.sequence {
		before := said[i]
		if before.hash != m.hash || before.place.topic != m.place.topic {
			l.violates(Promise, "%s's sequence %d appeared as %s and again, with other bytes, as %s",
				sourceNames[m.source], m.sequence, before, m)
		}
		before.last = max(before.last, m.place.offset)
		return true
	}
	for _, later := range said[i:] {
		if later.place.topic == m.place.topic {
			l.violates(Promise, "%s's sequence %d first appeared as %s, after its sequence %d, %s",
				sourceNames[m.source], m.sequence, m, later.sequence, later)
			break
		}
	}
	l.said[m.source] = slices.Insert(said, i, m)
	return false
}

// listen ends the hearing: it looks for gaps and for what stands in the wrong order across topics.
func (l *life) listen() {
	for s, said := range l.said {
		var next, latest int64 = 1, 0
		var before *message
		for _, m := range said {
			if m.sequence != next {
				l.violates(Promise, "%s's sequence %d never appeared; %d is %s", sourceNames[s], next, m.sequence, m)
			}
			next = m.sequence + 1
			if before != nil && m.at+slack.Milliseconds() < latest {
				l.violates(Promise, "%s's sequence %d, %s, first appeared %d ms before its sequence %d, %s",
					sourceNames[s], m.sequence, m, latest-m.at, before.sequence, before)
			}
			if m.at >= latest {
				latest, before = m.at, m
			}
			if l.first[m.kind] == nil {
				l.first[m.kind] = m
			}
		}
	}
}

// all calls see with each message of a type, by sequence.
func (l *life) all(k kind, see func(*message)) {
	for _, m := range l.said[vocabulary[k].source] {
		if m.kind == k {
			see(m)
		}
	}
}

// count is how many different messages of a type there are; a command counts once for each attempt.
func (l *life) count(k kind) (n int) {
	l.all(k, func(*message) { n++ })
	return n
}

// last is the last message of a type, nil where there is none.
func (l *life) last(k kind) (last *message) {
	l.all(k, func(m *message) { last = m })
	return last
}

// event returns the event with an id, whoever said it.
func (l *life) event(id ID) *message {
	for _, s := range []source{fromOrder, fromPayment, fromWarehouse} {
		for _, m := range l.said[s] {
			if m.id == id {
				return m
			}
		}
	}
	return nil
}

// highest is the last sequence of a speaker that is in the log.
func (l *life) highest(s source) int64 {
	if n := len(l.said[s]); n > 0 {
		return l.said[s][n-1].sequence
	}
	return 0
}

// end returns the event that ended the order, the first where there are several.
func (l *life) end() *message {
	for _, m := range l.said[fromOrder] {
		switch m.kind {
		case orderCompleted, orderRejected, orderCancelled:
			return m
		}
	}
	return nil
}

// waits tells whether the order waits in a group behind a dead letter.
func (l *life) waits(group string) bool { return slices.Contains(l.heads, group) }

// troubled tells whether a group set anything of the order aside that it still holds.
func (l *life) troubled(group string) bool {
	return l.waits(group) || slices.ContainsFunc(l.letters, func(x Letter) bool { return x.Group == group })
}

// wish returns the history's line of an operator's wish, nil where the id is of none.
func (l *life) wish(id ID) *HistoryRow {
	for i := range l.rows.History {
		if h := &l.rows.History[i]; h.Input == id && h.Topic == "" && h.Operator != "" {
			return h
		}
	}
	return nil
}

// waived tells whether an operator gave up the compensation of a step.
func (l *life) waived(step int) bool {
	return l.rows.Instance != nil && l.outcomes()[step] == "waived"
}
