package crash

import "sync"

// script is the plan of one run and what was seen of it, over all incarnations. Points are counted from the fault before.
type script struct {
	mu      sync.Mutex
	plan    Faults // what has not happened yet
	claimed bool   // a request of the first left; its answer decides whether it happened
	counts  map[string]int
	phases  [][]Point     // what passed before the first fault, between it and the second, and so on
	changed chan struct{} // holds one after a fault happened
}

func newScript(plan Faults) *script {
	return &script{plan: plan, counts: map[string]int{}, phases: make([][]Point, 1), changed: make(chan struct{}, 1)}
}

// pass counts a round trip and tells what is planned for it: nothing is "".
func (s *script) pass(kind string) Mode {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[kind]++
	p := Point{kind, s.counts[kind]}
	last := len(s.phases) - 1
	s.phases[last] = append(s.phases[last], p)
	if len(s.plan) == 0 || s.claimed || s.plan[0].Point != p {
		return ""
	}
	s.claimed = true
	return s.plan[0].Mode
}

// happened says that the claimed fault did.
func (s *script) happened() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.plan) == 0 {
		return // the run is over
	}
	s.plan, s.claimed = s.plan[1:], false
	s.counts = map[string]int{}
	s.phases = append(s.phases, nil)
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// finish ends the plan: what has not happened will not.
func (s *script) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.plan = nil
}

// fired is how many faults happened.
func (s *script) fired() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.phases) - 1
}

// seen returns the points between the nth fault and the next.
func (s *script) seen(n int) []Point {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n >= len(s.phases) {
		return nil
	}
	return append([]Point(nil), s.phases[n]...)
}
