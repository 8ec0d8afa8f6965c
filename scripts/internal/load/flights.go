package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Flights knows which orders were accepted and which of them ended, and how. Its methods are safe for concurrent use.
type Flights struct {
	mu       *sync.Mutex
	kinds    map[uuid.UUID]Kind
	asked    map[uuid.UUID]time.Time // when it was first asked for
	took     []time.Duration         // from then to its 202
	ends     map[uuid.UUID]Outcome
	moving   int            // accepted, not ended, and not only waiting for a deadline
	changed  chan struct{}  // closed when moving grew
	repeats  map[string]int // by cause
	failures []error
	failed   int
}

// Outcome is how an order ended.
type Outcome struct {
	Event  string // "OrderCompleted", "OrderRejected" or "OrderCancelled"
	Step   string // of OrderRejected: the one that failed
	Reason string // why

	at time.Time // when it was seen
}

func newFlights() Flights {
	return Flights{
		mu: &sync.Mutex{}, kinds: map[uuid.UUID]Kind{}, asked: map[uuid.UUID]time.Time{}, ends: map[uuid.UUID]Outcome{},
		repeats: map[string]int{}, changed: make(chan struct{}),
	}
}

// See is the callback of a tap of order.events.
func (f *Flights) See(r *kgo.Record) {
	o := Outcome{Event: Name(r), at: time.Now()}
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

// accept notes a 202 to what was first asked for then. The order's end may have been seen before its answer.
func (f *Flights) accept(id uuid.UUID, kind Kind, asked time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kinds[id], f.asked[id], f.took = kind, asked, append(f.took, time.Since(asked))
	if _, over := f.ends[id]; over || kind.Hopeless() {
		return
	}
	f.moving++
	close(f.changed)
	f.changed = make(chan struct{})
}

// repeated notes that a request is sent again, and what came of it before.
func (f *Flights) repeated(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.repeats[cause(err)]++
}

// Answered is the cause of a request that is repeated because of its answer's status.
func Answered(status int) string { return "answered " + strconv.Itoa(status) }

func cause(err error) string {
	var status *StatusError
	switch {
	case errors.As(err, &status):
		return Answered(status.Status)
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	}
	return "connection lost"
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
	Causes   map[string]int          // of them, by what came of the request before
	Failed   int                     // requests that never got their answer
	Failures []error                 // the first of them
	ByKind   map[Kind]map[string]int // the ending event, or "" → how many
	GivenUp  map[string]int          // rejected at a deadline, though nothing was wrong with them: kind and step → how many
	Wrong    []string                // orders that ended as their kind never may

	Accepting Times // from the first request to the 202, through all repetitions
	Ending    Times // from the first request to the order's end, as the tap sees it
}

// Log returns what became of all orders so far.
func (f *Flights) Log() Log {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := Log{
		Accepted: len(f.kinds), Causes: maps.Clone(f.repeats), Failed: f.failed, Failures: slices.Clone(f.failures),
		ByKind: map[Kind]map[string]int{}, GivenUp: map[string]int{}, Accepting: TimesOf(slices.Clone(f.took)),
	}
	for _, n := range f.repeats {
		l.Repeats += n
	}
	var ending []time.Duration
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
		ending = append(ending, end.at.Sub(f.asked[id]))
		if !slices.Contains(kind.Ends(), end.Event) {
			l.Wrong = append(l.Wrong, fmt.Sprintf("order %s (%s) ended with %s %s", id, kind, end.Event, end.Reason))
		}
		if end.Reason == "timed_out" && !kind.Hopeless() {
			l.GivenUp[string(kind)+": "+end.Step]++
		}
	}
	slices.Sort(l.Wrong)
	l.Ending = TimesOf(ending)
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
