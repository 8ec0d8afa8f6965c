package explore

import (
	"slices"
)

// explorer is a worker of a search.
type explorer[D any] struct {
	*worker[D]
	s      *search[D]
	world  world
	key    []byte
	from   state // the state at work
	depth  int
	fresh  []state
	done   []state
	calm   []state // what the state at work leads to by itself
	edges  []state // of every state: where it leads by itself, how many these are, itself
	levels []Level
	found  *find
	ended  map[string]map[string]bool
	shown  []Side
}

func newExplorer[D any](s *search[D]) *explorer[D] {
	e := &explorer[D]{
		worker: newWorker(s.t), s: s, ended: map[string]map[string]bool{}, levels: make([]Level, s.t.config.Faults+2),
		shown: make([]Side, len(s.t.config.Participants)), key: make([]byte, 0, 256),
	}
	e.emit = e.reach
	return e
}

// begin enters the first world.
func (e *explorer[D]) begin(first *world) {
	e.from, e.depth = none, -1
	e.enter(&step{}, first, 0)
}

// reach enters the world that a step leads to.
func (e *explorer[D]) reach(s *step, next *world) {
	faults := e.s.faults
	if s.cost == Fault {
		faults++
	}
	e.levels[faults].Transitions++
	if s.err != nil {
		e.report(s.err, s, faults)
		return
	}
	id := e.enter(s, next, faults)
	if s.cost == Calm {
		e.calm = append(e.calm, id)
	}
}

// encode makes the key of a world. With the last fault spent, what was read is forgotten.
func (e *explorer[D]) encode(w *world, past bool) []byte {
	e.key = append(e.key[:0], 0)
	if past {
		e.key[0] = 1
	}
	e.key = w.appendKey(e.key, e.worker.sides, past)
	return e.key
}

// enter stores a world and checks it where it is new.
func (e *explorer[D]) enter(s *step, w *world, faults int) state {
	past := faults < e.t.config.Faults
	r := record{parent: e.from, depth: uint16(e.depth + 1), faults: uint8(faults)}
	id, fresh, closer := e.s.store.add(e.encode(w, past), r)
	if fresh || closer {
		e.fresh = append(e.fresh, id)
	}
	if !fresh {
		return id
	}
	if past {
		e.s.store.alias(e.encode(w, false), id)
	}
	e.levels[faults].States++
	if err := e.check(w); err != nil {
		e.report(err, s, faults)
	}
	return id
}

func (e *explorer[D]) report(err error, s *step, faults int) {
	if e.found == nil || e.depth+1 < e.found.depth {
		one := *s
		e.found = &find{problem: err.Error(), from: e.from, step: &one, depth: e.depth + 1, faults: faults}
	}
}

// check says what is wrong with a world.
func (e *explorer[D]) check(w *world) error {
	f := e.form(w)
	if f.err != nil {
		return f.err
	}
	return e.t.config.Check(e.view(w, f))
}

func (e *explorer[D]) view(w *world, f seen[D]) View[D] {
	for k := range e.shown {
		e.shown[k] = e.side(k, w.sides[k])
	}
	return View[D]{Instance: &f.Instance, Sides: e.shown, AtRest: f.State.Final() && e.quiet(w)}
}

// visit expands a state of the level by what is no fault.
func (e *explorer[D]) visit(id state, depth int) {
	_, key, fresh := e.s.store.visit(id, uint16(depth))
	if !fresh {
		return
	}
	e.done = append(e.done, id)
	e.from, e.depth, e.faults = id, depth, false
	e.world.decode(key[1:], e.worker.sides)
	e.calm = e.calm[:0]
	e.expand(&e.world)
	e.edges = append(e.edges, e.calm...)
	e.edges = append(e.edges, state(len(e.calm)), id)
	f := e.form(&e.world)
	if f.State.Final() && e.quiet(&e.world) {
		e.s.store.flag(id, end|reaches)
		e.levels[e.s.faults].Ends++
		e.end(e.view(&e.world, f))
	}
}

// spread goes from a state of the level by one fault.
func (e *explorer[D]) spread(id state) {
	r, key := e.s.store.get(id)
	e.from, e.depth, e.faults = id, int(r.depth), true
	e.world.decode(key[1:], e.worker.sides)
	e.expand(&e.world)
}

// end notes what became of an instance.
func (e *explorer[D]) end(v View[D]) {
	if e.t.config.Outcome == nil {
		return
	}
	decided, what := e.t.config.Outcome(v)
	if e.ended[decided] == nil {
		e.ended[decided] = map[string]bool{}
	}
	e.ended[decided][what] = true
}

func insert(sorted []string, s string) []string {
	at, found := slices.BinarySearch(sorted, s)
	if found {
		return sorted
	}
	return slices.Insert(sorted, at, s)
}
