package messaging

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Throttle limits how many messages a machine takes from its topics: Messages every Interval, over all its workers, and as
// many more at once where it took none for that long. What it does not take stays in the log, in its order: nothing is set
// aside, and no transaction waits. Heartbeats, deadlines and submitted inputs go on.
type Throttle struct {
	Messages int           // 0: no limit
	Interval time.Duration // Default 1 s.
}

// Validate returns what is wrong with it.
func (t Throttle) Validate() error {
	if t.Messages < 0 || t.Interval < 0 {
		return errors.New("a throttle needs a positive number of messages and a positive interval")
	}
	return nil
}

// throttleShare of Messages is what a throttled worker waits for: small batches cost more than anything.
const throttleShare = 10

// throttle is a bucket of the messages that may be taken, shared by the workers of a machine. Nil limits nothing.
type throttle struct {
	size     float64 // of the bucket, in messages
	interval time.Duration

	mu    sync.Mutex
	level float64
	at    time.Time // when level was right
}

func newThrottle(c Throttle) *throttle {
	if c.Messages == 0 {
		return nil
	}
	if c.Interval == 0 {
		c.Interval = time.Second
	}
	return &throttle{size: float64(c.Messages), interval: c.Interval, level: float64(c.Messages)}
}

// draw takes up to most messages out of the bucket, none where there are too few; then wait is how long until there are
// enough.
func (t *throttle) draw(most int, now time.Time) (granted int, wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.at.IsZero() {
		t.level = min(t.size, t.level+t.size*now.Sub(t.at).Seconds()/t.interval.Seconds())
	}
	t.at = now
	enough := min(float64(most), max(1, t.size/throttleShare))
	if t.level < enough {
		return 0, time.Duration((enough-t.level)/t.size*float64(t.interval)) + time.Microsecond
	}
	granted = min(most, int(t.level))
	t.level -= float64(granted)
	return granted, 0
}

// put gives back what was drawn and not taken.
func (t *throttle) put(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.level = min(t.size, t.level+float64(n))
}

// allowance is how many messages the worker may take now. It waits for them, but no longer than ctx: then it is 0.
func (w *worker[S]) allowance(ctx context.Context) int {
	t, most := w.m.throttle, w.m.cfg.BatchSize
	if t == nil {
		return most
	}
	granted, wait := t.draw(most, time.Now())
	if granted > 0 {
		return granted
	}
	begun := time.Now()
	w.m.metrics.throttled.Inc()
	defer func() {
		w.m.metrics.throttled.Dec()
		w.m.metrics.throttledFor.Add(time.Since(begun).Seconds())
	}()
	for granted == 0 {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return 0
		case <-timer.C:
			granted, wait = t.draw(most, time.Now())
		}
	}
	return granted
}

// spare gives back what the worker was allowed and did not find.
func (w *worker[S]) spare(n int) {
	if w.m.throttle != nil {
		w.m.throttle.put(n)
	}
}
