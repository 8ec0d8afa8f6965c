package runner

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/processmanager/internal/store"
	"ordersaga.internal/processmanager/saga"
)

// Deadlines have no index (docs/decisions/deadlines-without-an-index.md): a look reads all instances in flight of a
// partition, and is repeated only when something may have become due. A wait that begins after a look is noticed in time
// where it is longer than lookPatience looks; the shortest wait of the order saga is 10 s.
const (
	lookPatience = 5  // times Config.LookEvery, after which a look is repeated whatever the last one found
	lookShare    = 20 // of the time at most one part is spent looking
)

// watch knows when to look at the deadlines of a partition again.
type watch struct {
	every time.Duration

	mu   sync.Mutex
	next map[int32]time.Time // absent: now
}

func newWatch(every time.Duration) *watch {
	return &watch{every: every, next: map[int32]time.Time{}}
}

// open returns the partitions that it is time to look at.
func (w *watch) open(until map[int32]time.Time, now time.Time) []int32 {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []int32
	for p := range until {
		if !w.next[p].After(now) {
			out = append(out, p)
		}
	}
	return out
}

// looked notes what a look found, and that it took so long.
func (w *watch) looked(partitions []int32, earliest map[int32]time.Time, now time.Time, took time.Duration) {
	soonest := now.Add(max(w.every, lookShare*took))
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range partitions {
		next := now.Add(lookPatience * w.every)
		if due, ok := earliest[p]; ok && due.Before(next) {
			next = due
		}
		if next.Before(soonest) {
			next = soonest
		}
		w.next[p] = next
	}
}

// again makes the partitions due for another look at once.
func (w *watch) again(partitions map[int32]time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for p := range partitions {
		delete(w.next, p)
	}
}

// Due returns an input for each instance that needs the clock: saga.Due, or saga.Redriven where a storm in which its deadline
// passed ended by itself.
func (h *Handler) Due(ctx context.Context, tx pgx.Tx, until map[int32]time.Time, limit int) ([]messaging.Message, error) {
	start := time.Now()
	partitions := h.watch.open(until, start)
	if len(partitions) == 0 {
		return nil, nil
	}
	found, err := h.store.Earliest(ctx, tx, partitions)
	if err != nil {
		return nil, err
	}
	guards, err := h.guard(ctx, tx, ripe(found, until))
	if err != nil {
		return nil, err
	}
	earliest := soonest(found, guards)
	h.watch.looked(partitions, earliest, start, time.Since(start))
	passed := make(map[int32]time.Time)
	for p, due := range earliest {
		if !due.After(until[p]) {
			passed[p] = until[p]
		}
	}
	if len(passed) == 0 {
		return nil, nil
	}
	timers, err := h.store.Due(ctx, tx, passed, limit)
	if err != nil {
		return nil, err
	}
	if len(timers) == limit {
		h.watch.again(passed)
	}
	out := make([]messaging.Message, len(timers))
	for i, t := range timers {
		out[i] = messaging.Message{
			Subject: t.OrderID, Partition: t.Partition, Body: saga.Due{Held: t.Held}, Traceparent: t.Traceparent, Tracestate: t.Tracestate,
		}
		if t.Anew {
			out[i].Body = saga.Redriven{}
		}
	}
	return out, nil
}

// ripe returns the steps of which a deadline passed.
func ripe(found []store.Soonest, until map[int32]time.Time) []string {
	var steps []string
	for _, s := range found {
		if !s.Deadline.IsZero() && !s.Deadline.After(until[s.Partition]) && !slices.Contains(steps, s.Step) {
			steps = append(steps, s.Step)
		}
	}
	return steps
}

// soonest returns when each partition needs the clock, leaving out deadlines that are held.
func soonest(found []store.Soonest, guards map[string]store.Guard) map[int32]time.Time {
	earliest := make(map[int32]time.Time)
	for _, s := range found {
		due, guard := s.ResendAt, guards[s.Step]
		if d := s.Deadline; !d.IsZero() && d.Before(due) && (!guard.Held || !d.After(guard.Released)) {
			due = d
		}
		if known, ok := earliest[s.Partition]; !ok || due.Before(known) {
			earliest[s.Partition] = due
		}
	}
	return earliest
}

// Redriven starts the deadline of an order whose dead letters were handled anew.
func (h *Handler) Redriven() any { return saga.Redriven{} }

// Defer moves what is pending in a partition later: time in which nothing could be known does not count.
func (h *Handler) Defer(ctx context.Context, tx pgx.Tx, partition int32, d time.Duration) error {
	return h.store.Defer(ctx, tx, partition, d)
}
