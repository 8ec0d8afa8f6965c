package explore

import "fmt"

// turn is a Turn with its side and events numbered.
type turn struct {
	text string
	cost Cost
	next uint32
	sent []message
	err  error
}

// seen is what a worker remembers of an instance's form.
type seen[D any] struct {
	*form[D]
	err error
}

// worker expands worlds. It remembers what each pure function returned, and is used by one goroutine.
type worker[D any] struct {
	t       *tables[D]
	sides   int
	forms   map[uint64]seen[D]
	decided map[uint64]applied
	wished  map[uint64]applied
	taken   [maxSides]map[uint64][]turn
	moved   [maxSides]map[uint32][]turn
	known   [maxSides]map[uint32]Side
	events  map[message]event
	orders  map[message]command

	faults bool // whether steps that are faults are wanted, or those that are not
	emit   func(*step, *world)
}

func newWorker[D any](t *tables[D]) *worker[D] {
	w := &worker[D]{
		t: t, sides: len(t.config.Participants), forms: map[uint64]seen[D]{}, decided: map[uint64]applied{},
		wished: map[uint64]applied{}, events: map[message]event{}, orders: map[message]command{},
	}
	for k := range w.taken {
		w.taken[k], w.moved[k], w.known[k] = map[uint64][]turn{}, map[uint32][]turn{}, map[uint32]Side{}
	}
	return w
}

// remember returns what is known under the key, or makes it.
func remember[K comparable, V any](m map[K]V, key K, make func() V) V {
	v, ok := m[key]
	if !ok {
		v = make()
		m[key] = v
	}
	return v
}

func (w *worker[D]) form(x *world) seen[D] {
	return remember(w.forms, x.decision(0), func() seen[D] {
		s := seen[D]{form: w.t.form(x.instance)}
		if x.swapped {
			return s
		}
		if s.err = w.t.checkForm(s.form); s.err == nil {
			s.err = w.t.probe(x.instance)
		}
		return s
	})
}

func (w *worker[D]) decide(x *world, m message) applied {
	return remember(w.decided, x.decision(uint16(m)), func() applied { return w.t.decide(x, m) })
}

func (w *worker[D]) apply(x *world, what wish) applied {
	return remember(w.wished, x.decision(uint16(what)), func() applied { return w.t.wish(x, what) })
}

// decision is the key of an input's effect on the instance.
func (w *world) decision(input uint16) uint64 {
	return w.decider()<<63 | uint64(w.instance)<<16 | uint64(input)
}

func (w *worker[D]) side(k int, id uint32) Side {
	return remember(w.known[k], id, func() Side { return w.t.side(k, id) })
}

func (w *worker[D]) event(m message) event {
	return remember(w.events, m, func() event { return w.t.event(m) })
}

func (w *worker[D]) command(m message) command {
	return remember(w.orders, m, func() command { return w.t.command(m) })
}

// take returns how a participant's side may decide a command.
func (w *worker[D]) take(k int, id uint32, m message) []turn {
	return remember(w.taken[k], uint64(id)<<16|uint64(m), func() []turn {
		return w.number(k, safely(func() []Turn { return w.side(k, id).Take(w.command(m).Outgoing) }))
	})
}

// moves returns what a participant's side may do by itself.
func (w *worker[D]) moves(k int, id uint32) []turn {
	return remember(w.moved[k], id, func() []turn { return w.number(k, safely(w.side(k, id).Moves)) })
}

// safely makes a panic a turn that must not happen.
func safely(turns func() []Turn) (out []Turn) {
	defer func() {
		if p := recover(); p != nil {
			out = []Turn{{Err: fmt.Errorf("it panics: %v", p)}}
		}
	}()
	return turns()
}

func (w *worker[D]) number(k int, turns []Turn) []turn {
	out := make([]turn, len(turns))
	for n, t := range turns {
		out[n] = turn{text: t.Text, cost: t.Cost, err: t.Err}
		if t.Err != nil {
			continue
		}
		out[n].next = w.t.sideNumber(k, t.Next)
		for _, in := range t.Sent {
			out[n].sent = append(out[n].sent, w.t.eventNumber(k, in))
		}
	}
	return out
}

// quiet tells whether everything is read and nothing moves by itself.
func (w *worker[D]) quiet(x *world) bool {
	if x.aside[manager].size > 0 {
		return false
	}
	for k := range w.sides {
		if x.commands[k].unread() > 0 || x.events[k].unread() > 0 || x.aside[k].size > 0 {
			return false
		}
		for _, t := range w.moves(k, x.sides[k]) {
			if t.cost == Calm {
				return false
			}
		}
	}
	return true
}
