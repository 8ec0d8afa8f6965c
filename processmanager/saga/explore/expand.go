package explore

import (
	"errors"
	"fmt"
	"slices"

	"ordersaga.internal/processmanager/saga"
)

var errTooLong = errors.New("a topic or a dead-letter queue of one order grows and grows")

// expand emits every step that is possible in a world, of the wanted kind.
func (w *worker[D]) expand(x *world) {
	for k := range w.sides {
		w.readCommands(x, k)
		w.readEvents(x, k)
		for _, t := range w.moves(k, x.sides[k]) {
			w.turn(&step{action: moves, at: k}, x, t)
		}
	}
	w.redrive(x)
	w.clock(x)
	w.operator(x)
	if w.t.config.Swapped != nil && !x.swapped {
		next := *x
		next.swapped = true
		w.send(&step{action: swaps, cost: Choice, at: manager}, &next)
	}
}

// send emits a step where it is wanted.
func (w *worker[D]) send(s *step, next *world) {
	if (s.cost == Fault) != w.faults {
		return
	}
	if only := w.t.config.Only; w.faults && only != nil && !only(w.fault(s)) {
		return
	}
	w.emit(s, next)
}

// readCommands lets a participant read its topic, and everything that may befall it there.
func (w *worker[D]) readCommands(x *world, k int) {
	t := &x.commands[k]
	if t.unread() > 0 {
		m := t.next()
		next := *x
		next.commands[k].take()
		w.deliver(&step{action: takes, at: k, message: m}, &next, k)
		if w.faults {
			w.spoilCommand(&next, k, m)
			next = *x
			next.commands[k].lose()
			w.send(&step{action: loses, cost: Fault, at: k, message: m}, &next)
		}
	}
	if !w.faults {
		return
	}
	for r, m := range t.messages[:t.read] {
		next := *x
		w.deliver(&step{action: repeats, cost: Fault, at: k, message: m}, &next, k)
		next = *x
		next.commands[k].read = uint8(r)
		w.send(&step{action: rewinds, cost: Fault, at: k, message: m}, &next)
	}
}

// deliver lets a participant decide a command that it read, or sets it aside behind a dead letter. An undo that finds
// nothing but forward commands there closes them.
func (w *worker[D]) deliver(s *step, next *world, k int) {
	if next.aside[k].size > 0 && !w.supersede(next, k, s.message) {
		w.setAside(next, k, s.message)
		s.action = waits
		w.send(s, next)
		return
	}
	for _, t := range w.take(k, next.sides[k], s.message) {
		one := *s
		w.turn(&one, next, t)
	}
}

// supersede closes what the command closes and tells whether nothing is left.
func (w *worker[D]) supersede(x *world, k int, m message) bool {
	supersedes := w.t.config.Participants[k].Supersedes
	if supersedes == nil {
		return false
	}
	names := supersedes(w.command(m).Body)
	if len(names) == 0 {
		return false
	}
	l := &x.aside[k]
	for n := int(l.size) - 1; n >= 0; n-- {
		if slices.Contains(names, w.command(l.messages[n]).Body.WireType()) {
			l.remove(n)
		}
	}
	return l.size == 0
}

// setAside queues a command. Of one command only the newest attempt stays, in the place of the first.
func (w *worker[D]) setAside(x *world, k int, m message) {
	c := w.command(m)
	l := &x.aside[k]
	for n, other := range l.all() {
		if o := w.command(other); o.ID == c.ID {
			if o.Attempt < c.Attempt {
				l.messages[n] = m
			}
			return
		}
	}
	l.add(m)
}

// spoilCommand makes a command that was read a dead letter: because its envelope cannot be read, or because it cannot be
// decided, and so after it superseded what was there.
func (w *worker[D]) spoilCommand(x *world, k int, m message) {
	next := *x
	w.setAside(&next, k, m)
	w.send(&step{action: sets, cost: Fault, at: k, message: m}, &next)
	if next = *x; next.aside[k].size > 0 && w.supersede(&next, k, m) {
		w.setAside(&next, k, m)
		w.send(&step{action: sets, cost: Fault, at: k, message: m, text: "after closing what it supersedes"}, &next)
	}
}

// turn emits what a participant does.
func (w *worker[D]) turn(s *step, x *world, t turn) {
	s.cost = max(s.cost, t.cost)
	s.text, s.sent, s.err = t.text, t.sent, t.err
	if s.err != nil {
		w.send(s, x)
		return
	}
	next := *x
	next.sides[s.at] = t.next
	for _, m := range t.sent {
		if err := w.publish(&next, s.at, m); err != nil {
			s.err = err
		}
	}
	w.send(s, &next)
}

// publish appends an event to its topic. Whoever reads it may rely on the sequence: one number, one message.
func (w *worker[D]) publish(x *world, k int, m message) error {
	e := w.event(m)
	for _, other := range x.events[k].messages[:x.events[k].size] {
		if o := w.event(other); other != m && o.Sequence == e.Sequence {
			return fmt.Errorf("two messages with sequence %d: %s and %s", e.Sequence, saga.ShortName(o.Body), saga.ShortName(e.Body))
		}
	}
	if !x.events[k].add(m) {
		return errTooLong
	}
	return nil
}
