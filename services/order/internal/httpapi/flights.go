package httpapi

import (
	"context"
	"errors"
	"sync"
	"time"

	"ordersaga.internal/services/order/internal/ordering"
)

// flights makes requests with a key wait for the first one with it in this process. (Across processes they wait for each
// other in the database, at its unique constraint.)
type flights struct {
	mu   sync.Mutex
	open map[ordering.Key]*flight
}

// flight is a first request. lost, once done is closed, tells that its effect is unknown: it may still be worked on.
type flight struct {
	done chan struct{}
	lost bool
}

func newFlights() *flights { return &flights{open: map[ordering.Key]*flight{}} }

// enter returns when the caller may go on; land must be called when it is done, with its error. Errors: errKeyInUse where
// the first has no answer in time; ctx's.
func (f *flights) enter(ctx context.Context, k ordering.Key, patience time.Duration) (land func(error), err error) {
	f.mu.Lock()
	first, flying := f.open[k]
	if !flying {
		own := &flight{done: make(chan struct{})}
		f.open[k] = own
		f.mu.Unlock()
		return func(err error) { f.land(k, own, err) }, nil
	}
	f.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-first.done:
		if first.lost {
			return nil, errKeyInUse
		}
		return func(error) {}, nil // all who waited go at once: they find the answer
	case <-timer.C:
		return nil, errKeyInUse
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (f *flights) land(k ordering.Key, own *flight, err error) {
	own.lost = errors.Is(err, errUnavailable)
	f.mu.Lock()
	delete(f.open, k)
	f.mu.Unlock()
	close(own.done)
}
