// Package watch wakes those who wait for an order to change: at once for what this process commits, and a little later,
// by asking the database about all of them in one statement, for what another process does.
package watch

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Every is how often the database is asked while anybody waits.
const Every = 250 * time.Millisecond

// State is what of an order changes.
type State[S any] interface{ Newer(than S) bool }

// States reads what orders are now. store.Store does.
type States[S State[S]] func(ctx context.Context, ids []uuid.UUID, each func(uuid.UUID, S)) error

// Watch knows who waits for what.
type Watch[S State[S]] struct {
	mu      sync.Mutex
	waiting map[uuid.UUID][]*Watcher[S]
}

// Watcher is one who waits. Changes holds the newest state that came since it was last read.
type Watcher[S State[S]] struct {
	Changes <-chan S
	changes chan S
	watch   *Watch[S]
	order   uuid.UUID
}

// New returns a Watch that nobody uses yet.
func New[S State[S]]() *Watch[S] { return &Watch[S]{waiting: map[uuid.UUID][]*Watcher[S]{}} }

// Subscribe begins to watch an order. Read the order after it, and nothing is missed. Close it.
func (w *Watch[S]) Subscribe(order uuid.UUID) *Watcher[S] {
	changes := make(chan S, 1)
	x := &Watcher[S]{Changes: changes, changes: changes, watch: w, order: order}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting[order] = append(w.waiting[order], x)
	return x
}

// Close ends the watching.
func (x *Watcher[S]) Close() {
	w := x.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	rest := w.waiting[x.order][:0]
	for _, other := range w.waiting[x.order] {
		if other != x {
			rest = append(rest, other)
		}
	}
	if w.waiting[x.order] = rest; len(rest) == 0 {
		delete(w.waiting, x.order)
	}
}

// Publish hands what an order is now to those who watch it. It never blocks.
func (w *Watch[S]) Publish(order uuid.UUID, s S) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, x := range w.waiting[order] {
		select {
		case older := <-x.changes: // commits may be published out of order
			if older.Newer(s) {
				x.changes <- older
				continue
			}
		default:
		}
		x.changes <- s
	}
}

// Run asks for what other replicas did, until ctx ends.
func (w *Watch[S]) Run(ctx context.Context, states States[S], log *slog.Logger) error {
	tick := time.NewTicker(Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		ids := w.watched()
		if len(ids) == 0 {
			continue
		}
		if err := states(ctx, ids, w.Publish); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "cannot see what others did to orders", "error", err)
		}
	}
}

func (w *Watch[S]) watched() []uuid.UUID {
	w.mu.Lock()
	defer w.mu.Unlock()
	ids := make([]uuid.UUID, 0, len(w.waiting))
	for id := range w.waiting {
		ids = append(ids, id)
	}
	return ids
}
