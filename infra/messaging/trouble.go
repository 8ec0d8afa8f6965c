package messaging

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

var (
	// errLost: the positions are not as this worker left them. Another took over, an operator rewound, or a COMMIT whose
	// answer was lost did happen.
	errLost = errors.New("positions moved without this worker")
	// errRebalance: the group waits for this worker, which waits for the database.
	errRebalance = errors.New("a rebalance waits")
)

// backoff is how long to wait after so many failures: 20 ms doubling to 5 s, the upper half of it random.
func backoff(failures int) time.Duration {
	d := 20 * time.Millisecond << min(failures, 8)
	d = min(d, 5*time.Second)
	return d/2 + rand.N(d/2)
}

// pause waits out a backoff, or returns ctx's error.
func pause(ctx context.Context, failures int) error {
	t := time.NewTimer(backoff(failures))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// wait is pause, and ends with errRebalance when the group waits for this worker.
func (w *worker[S]) wait(ctx context.Context, failures int) error {
	t := time.NewTimer(backoff(failures))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-w.wanted:
		w.want() // for others who wait in this turn
		return errRebalance
	case <-t.C:
		return nil
	}
}
