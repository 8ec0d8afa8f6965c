package load

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Flights knows which orders were accepted and which of them ended, and how. Its methods are safe for concurrent use.
type Flights struct {
	mu       *sync.Mutex
	kinds    map[uuid.UUID]Kind
	ends     map[uuid.UUID]Outcome
	moving   int           // accepted, not ended, and not only waiting for a deadline
	changed  chan struct{} // closed when moving grew
	repeats  int
	failures []error
	failed   int
}

// Outcome is how an order ended.
type Outcome struct {
	Event  string // "OrderCompleted", "OrderRejected" or "OrderCancelled"
	Step   string // of OrderRejected: the one that failed
	Reason string // why
}

func newFlights() Flights {
	return Flights{mu: &sync.Mutex{}, kinds: map[uuid.UUID]Kind{}, ends: map[uuid.UUID]Outcome{}, changed: make(chan struct{})}
}

// See is the callback of a tap of order.events.
func (f *Flights) See(r *kgo.Record) {
	o := Outcome{Event: Name(r)}
	switch o.Event {
	case "OrderCompleted", "OrderRejected", "OrderCancelled":
	default:
		return
	}
	id, err := uuid.ParseBytes(r.Key)
	if err != nil {
		return // the checker will say so
	}
	var payload struct {
		Step   string `json:"step"`
		Reason string `json:"reason"`
	}
	if json.Unmarshal(r.Value, &payload) == nil {
		o.Step, o.Reason = payload.Step, payload.Reason
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, again := f.ends[id]; again {
		return
	}
	f.ends[id] = o
	if kind, known := f.kinds[id]; known && !kind.Hopeless() {
		f.moving--
	}
}

// accept notes a 202. The order's end may have been seen before its answer.
func (f *Flights) accept(id uuid.UUID, kind Kind) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kinds[id] = kind
	if _, over := f.ends[id]; over || kind.Hopeless() {
		return
	}
	f.moving++
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *Flights) repeated() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.repeats++
}

func (f *Flights) unanswered(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed++
	if len(f.failures) < 10 {
		f.failures = append(f.failures, err)
	}
}

// Moving is how many accepted orders are on their way. Those that only wait for a deadline do not count.
func (f *Flights) Moving() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.moving
}

// AtLeast waits until so many orders are on their way.
func (f *Flights) AtLeast(ctx context.Context, n int) error {
	for {
		f.mu.Lock()
		moving, changed := f.moving, f.changed
		f.mu.Unlock()
		if moving >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Log is what became of all orders.
type Log struct {
	Accepted int
	Ended    int
	Repeats  int                     // requests that were sent again
	Failed   int                     // requests that never got their answer
	Failures []error                 // the first of them
	ByKind   map[Kind]map[string]int // the ending event, or "" → how many
	GivenUp  map[string]int          // rejected at a deadline, though nothing was wrong with them: kind and step → how many
	Wrong    []string                // orders that ended as their kind never may
}

// Log returns what became of all orders so far.
func (f *Flights) Log() Log {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := Log{
		Accepted: len(f.kinds), Repeats: f.repeats, Failed: f.failed, Failures: slices.Clone(f.failures), ByKind: map[Kind]map[string]int{}, GivenUp: map[string]int{},
	}
	for id, kind := range f.kinds {
		if l.ByKind[kind] == nil {
			l.ByKind[kind] = map[string]int{}
		}
		end, over := f.ends[id]
		l.ByKind[kind][end.Event]++
		if !over {
			continue
		}
		l.Ended++
		if !slices.Contains(kind.Ends(), end.Event) {
			l.Wrong = append(l.Wrong, fmt.Sprintf("order %s (%s) ended with %s %s", id, kind, end.Event, end.Reason))
		}
		if end.Reason == "timed_out" && !kind.Hopeless() {
			l.GivenUp[string(kind)+": "+end.Step]++
		}
	}
	slices.Sort(l.Wrong)
	return l
}

// Open returns the orders that have not ended.
func (f *Flights) Open() []uuid.UUID {
	f.mu.Lock()
	defer f.mu.Unlock()
	var open []uuid.UUID
	for id := range f.kinds {
		if _, over := f.ends[id]; !over {
			open = append(open, id)
		}
	}
	return open
}

// Accepted returns the orders that were answered with a 202.
func (f *Flights) Accepted() []uuid.UUID {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Collect(maps.Keys(f.kinds))
}
