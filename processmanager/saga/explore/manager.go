package explore

import (
	"errors"
	"slices"

	"ordersaga.internal/processmanager/saga"
)

// readEvents lets the process manager read a participant's topic, and everything that may befall it there. Behind a dead
// letter of its own it reads nothing of this order: what it would set aside stays unread, and is read in any order after.
func (w *worker[D]) readEvents(x *world, k int) {
	if x.aside[manager].size > 0 {
		return
	}
	t := &x.events[k]
	if t.unread() > 0 {
		m := t.next()
		next := *x
		next.events[k].take()
		next.backlog[k] -= min(next.backlog[k], 1)
		w.receive(&step{action: takes, at: manager, topic: k, message: m}, &next, m)
		if w.faults {
			next.aside[manager].add(m)
			w.send(&step{action: sets, cost: Fault, at: manager, topic: k, message: m}, &next)
			next = *x
			next.events[k].lose()
			next.backlog[k] -= min(next.backlog[k], 1)
			w.send(&step{action: loses, cost: Fault, at: manager, topic: k, message: m}, &next)
		}
	}
	if !w.faults {
		return
	}
	for r, m := range t.messages[:t.read] {
		next := *x
		w.receive(&step{action: repeats, cost: Fault, at: manager, topic: k, message: m}, &next, m)
		next = *x
		w.rewind(&next, k, r)
		w.send(&step{action: rewinds, cost: Fault, at: manager, topic: k, message: m}, &next)
	}
	if k == 0 { // all of the group's topics, from the beginning
		next := *x
		for all := range w.sides {
			w.rewind(&next, all, 0)
		}
		w.send(&step{action: rewinds, cost: Fault, at: manager, message: t.messages[0], text: "and so on every topic"}, &next)
	}
}

func (w *worker[D]) rewind(x *world, k, to int) {
	if w.form(x).overdue {
		x.backlog[k] += x.events[k].read - uint8(to)
	}
	x.events[k].read = uint8(to)
}

// receive lets the instance take an event.
func (w *worker[D]) receive(s *step, next *world, m message) {
	w.applied(s, next, w.decide(next, m))
}

// applied emits what an input made of the instance.
func (w *worker[D]) applied(s *step, next *world, a applied) {
	s.text, s.out, s.err = a.text, a.sent, a.err
	if a.err == nil {
		s.err = w.move(next, a)
	}
	w.send(s, next)
}

// move gives a world the instance and the commands that an input led to.
func (w *worker[D]) move(x *world, a applied) error {
	x.instance = a.instance
	if a.changed && !w.form(x).overdue {
		x.backlog = [maxSides]uint8{}
	}
	for _, o := range a.sent {
		if !x.commands[o.to].add(o.message) {
			return errTooLong
		}
	}
	return nil
}

// redrive lets the first dead letter of a group be decided, after whatever was wrong with it is mended.
func (w *worker[D]) redrive(x *world) {
	for k := range w.sides {
		if l := &x.aside[k]; l.size > 0 {
			next := *x
			next.aside[k].remove(0)
			m := l.messages[0]
			for _, t := range w.take(k, x.sides[k], m) {
				w.turn(&step{action: redrives, at: k, message: m}, &next, t)
			}
		}
	}
	if x.aside[manager].size > 0 {
		w.redriveManager(x)
	}
}

// redriveManager lets the instance take the event that was set aside; its deadline then starts anew.
func (w *worker[D]) redriveManager(x *world) {
	next := *x
	m := next.aside[manager].messages[0]
	next.aside[manager].remove(0)
	s := &step{action: redrives, at: manager, message: m}
	a := w.decide(x, m)
	s.text, s.out, s.err = a.text, a.sent, a.err
	if s.err == nil {
		s.err = w.move(&next, a)
	}
	if s.err == nil {
		again := w.apply(&next, redriven)
		if s.err = again.err; again.changed {
			next.backlog = [maxSides]uint8{}
		}
		next.instance = again.instance
	}
	w.send(s, &next)
}

// clock lets the instance's times come (rule 7): whatever is unread may still be with its relay. That an answer is in the
// log and unread when its deadline passes is told apart: the deadline then has to wait for it.
func (w *worker[D]) clock(x *world) {
	f := w.form(x)
	if f.Outstanding == nil {
		return
	}
	asked := &step{action: wishes, at: manager, wish: clockResends}
	switch {
	case x.aside[manager].size > 0:
		asked.wish, asked.cost = operatorSends, Fault
	case f.overdue:
		asked.wish, asked.cost = clockHolds, Fault
	case !w.quiet(x):
		asked.cost = Fault
	}
	w.wish(asked, x)
	if !f.deadline {
		return
	}
	behind := w.answered(x, f)
	switch {
	case !f.overdue && behind:
		next := *x
		next.instance = w.t.overdue(x.instance)
		for k := range w.sides {
			next.backlog[k] = uint8(x.events[k].unread())
		}
		w.send(&step{action: overdue, cost: Fault, at: manager}, &next)
	case f.overdue && w.t.config.ClockWaitsForNothing && behind:
		w.send(&step{action: wishes, at: manager, wish: clockFires, err: errors.New(
			"rule 7: it gives up " + f.Outstanding.Step + ", though the answer was here when the deadline passed")}, x)
	case f.overdue && x.aside[manager].size == 0 && x.backlog == [maxSides]uint8{}:
		fire := &step{action: wishes, cost: Choice, at: manager, wish: clockFires}
		if w.quiet(x) { // nothing else can happen any more
			fire.cost = Calm
		}
		w.wish(fire, x)
	}
	switch {
	case f.overdue: // a storm of deadlines ended
		w.wish(&step{action: wishes, cost: Choice, at: manager, wish: redriven}, x)
	case x.aside[manager].size == 0:
		w.wish(&step{action: wishes, cost: Fault, at: manager, wish: clockGivesUp}, x)
	}
}

// answered tells whether an answer to the outstanding command is unread, or set aside.
func (w *worker[D]) answered(x *world, f seen[D]) bool {
	answers := func(m message) bool { return w.event(m).Causation == f.Outstanding.Command }
	for k := range w.sides {
		t := &x.events[k]
		if slices.ContainsFunc(t.messages[t.read:t.size], answers) {
			return true
		}
	}
	return slices.ContainsFunc(x.aside[manager].all(), answers)
}

// operator lets people retry, waive and unwind.
func (w *worker[D]) operator(x *world) {
	f := w.form(x)
	if f.State == saga.Running && f.deadline {
		w.wish(&step{action: wishes, cost: Fault, at: manager, wish: operatorUnwinds}, x)
	}
	if len(f.owed) == 0 {
		return
	}
	for k, s := range w.t.config.Definition.Steps {
		if !f.owes(s.Name) {
			continue
		}
		w.wish(&step{action: wishes, cost: Choice, at: manager, wish: operatorWaives + wish(k)}, x)
		if f.Outstanding == nil {
			w.wish(&step{action: wishes, at: manager, wish: operatorRetries + wish(k)}, x)
		}
	}
}

// wish emits what the clock or an operator leads to, unless it changes nothing.
func (w *worker[D]) wish(s *step, x *world) {
	a := w.apply(x, s.wish)
	if !a.changed && a.err == nil {
		return
	}
	next := *x
	w.applied(s, &next, a)
}
