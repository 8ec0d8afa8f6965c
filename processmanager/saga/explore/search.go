package explore

import (
	"sync"
	"sync/atomic"
)

// search is one exploration: first everything without a fault, then from all of that everything with one more, and so on;
// with as many faults, by the number of steps.
type search[D any] struct {
	t       *tables[D]
	store   *store
	workers []*explorer[D]
	levels  []Level
	faults  int     // of the level at work
	found   *find   // the shortest so far
	open    buckets // of the level at work
	done    buckets // of the level at work: what was expanded
	ahead   buckets // of the level after it
}

// buckets holds states by the number of steps that lead to them.
type buckets [][]state

func (b *buckets) add(depth int, ids []state) {
	for len(ids) > 0 && len(*b) <= depth {
		*b = append(*b, nil)
	}
	if len(ids) > 0 {
		(*b)[depth] = append((*b)[depth], ids...)
	}
}

// find is a violation: the step from a state that does wrong, or leads to what is wrong. Without a step it is the state.
type find struct {
	problem string
	from    state
	step    *step
	depth   int
	faults  int
}

func newSearch[D any](t *tables[D]) *search[D] {
	s := &search[D]{t: t, store: newStore(), levels: make([]Level, t.config.Faults+2)}
	for range t.config.Workers {
		s.workers = append(s.workers, newExplorer(s))
	}
	return s
}

// run explores from the first world.
func (s *search[D]) run(first *world) error {
	s.workers[0].begin(first)
	if err := s.collect(&s.open, 0); err != nil {
		return err
	}
	for {
		if err := s.closure(); err != nil {
			return err
		}
		if s.found == nil {
			s.judge()
		}
		if s.found != nil || s.faults == s.t.config.Faults {
			return nil
		}
		if err := s.spread(); err != nil {
			return err
		}
	}
}

// closure expands every state of the level by what is no fault, nearest first.
func (s *search[D]) closure() error {
	for depth := 0; depth < len(s.open); depth++ {
		if s.found != nil && s.found.depth <= depth {
			return nil
		}
		s.share(s.open[depth], func(e *explorer[D], id state) { e.visit(id, depth) })
		s.open[depth] = nil
		for _, e := range s.workers {
			s.done.add(depth, e.done)
			e.done = e.done[:0]
		}
		if err := s.collect(&s.open, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// spread goes from every state of the level by one fault, and makes the next level the one at work.
func (s *search[D]) spread() error {
	for depth, ids := range s.done {
		s.share(ids, func(e *explorer[D], id state) { e.spread(id) })
		s.done[depth] = nil
		if err := s.collect(&s.ahead, depth+1); err != nil {
			return err
		}
	}
	s.open, s.done, s.ahead = s.ahead, nil, nil
	s.faults++
	return nil
}

// collect takes from the workers what they found.
func (s *search[D]) collect(into *buckets, depth int) error {
	for _, e := range s.workers {
		into.add(depth, e.fresh)
		e.fresh = e.fresh[:0]
		for k, l := range e.levels {
			s.levels[k].States += l.States
			s.levels[k].Transitions += l.Transitions
			s.levels[k].Ends += l.Ends
		}
		clear(e.levels)
		if f := e.found; f != nil && (s.found == nil || f.depth < s.found.depth) {
			s.found = f
		}
		e.found = nil
	}
	if p := s.t.config.Progress; p != nil {
		p(s.faults, int(s.store.total.Load()))
	}
	if s.store.total.Load() > int64(s.t.config.Limit) {
		return ErrLimit
	}
	return nil
}

// share lets the workers do something with each state.
func (s *search[D]) share(ids []state, do func(*explorer[D], state)) {
	const portion = 64
	if len(ids) <= portion || len(s.workers) == 1 {
		for _, id := range ids {
			do(s.workers[0], id)
		}
		return
	}
	var cursor atomic.Int64
	var all sync.WaitGroup
	for _, e := range s.workers {
		all.Go(func() {
			for {
				to := int(cursor.Add(portion))
				if to-portion >= len(ids) {
					return
				}
				for _, id := range ids[to-portion : min(to, len(ids))] {
					do(e, id)
				}
			}
		})
	}
	all.Wait()
}

func (s *search[D]) result() Result {
	r := Result{Levels: s.levels[:s.faults+1], Cells: s.t.cells, Outcomes: map[string][]string{}, Stuck: s.t.stuck}
	for _, e := range s.workers {
		for decided, ends := range e.ended {
			for end := range ends {
				r.Outcomes[decided] = insert(r.Outcomes[decided], end)
			}
		}
	}
	if s.found != nil {
		r.Levels = s.levels[:min(s.found.faults+1, len(s.levels))]
		r.Violation = s.violation()
	}
	return r
}
