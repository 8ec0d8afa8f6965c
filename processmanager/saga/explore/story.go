package explore

import (
	"fmt"
	"slices"
)

// violation tells how the search came to what it found.
func (s *search[D]) violation() *Violation {
	f := s.found
	v := &Violation{Problem: f.problem, Faults: f.faults}
	var path []state
	for id := f.from; id != none; {
		path = append(path, id)
		r, _ := s.store.get(id)
		id = r.parent
	}
	slices.Reverse(path)
	teller := &teller[D]{s: s, worker: newWorker(s.t), n: 0}
	v.Story = append(v.Story, fmt.Sprintf("%s: the instance begins", s.t.config.Definition.Name))
	for k := 1; k < len(path); k++ {
		v.Story = append(v.Story, teller.between(path[k-1], path[k]))
	}
	if f.step != nil {
		v.Story = append(v.Story, teller.line(f.step))
	}
	return v
}

// teller puts steps in words.
type teller[D any] struct {
	*worker[D]
	s *search[D]
	n int
}

// between finds the step from a state to one that it led to.
func (t *teller[D]) between(from, to state) string {
	r, key := t.s.store.get(from)
	next, want := t.s.store.get(to)
	var w world
	w.decode(key[1:], t.sides)
	line := "?"
	t.faults = next.faults > r.faults
	t.emit = func(s *step, x *world) {
		if line != "?" || s.err != nil {
			return
		}
		got := []byte{want[0]}
		if got = x.appendKey(got, t.sides, want[0] == 1); string(got) == string(want) {
			line = t.line(s)
		}
	}
	t.expand(&w)
	return line
}

func (t *teller[D]) line(s *step) string {
	t.n++
	line := t.s.t.tell(s)
	if s.cost == Fault {
		line = "fault! " + line
	}
	return fmt.Sprintf("%3d  %s", t.n, line)
}
