package caller

import (
	"context"
	"time"
)

const countEvery = time.Second

// sweep takes over operations whose lease or pause has ended, until ctx ends.
func (c *Caller) sweep(ctx context.Context) {
	ticker := time.NewTicker(c.config.Sweep)
	defer ticker.Stop()
	resumed, failing := true, false
	var counted time.Time
	for {
		more, err := c.takeOver(ctx, resumed)
		resumed = resumed && (err != nil || more)
		if err == nil && time.Since(counted) >= countEvery {
			counted = time.Now()
			err = c.count(ctx)
		}
		if err != nil && ctx.Err() == nil && !failing {
			c.deps.Log.WarnContext(ctx, "open operations cannot be read; trying again", "error", err)
		}
		failing = err != nil
		if more {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

const sweepLimit = 500

// takeOver tells whether there may be more to take over. What this replica holds without having it in memory needs no lease
// to end: what it held before it was started again is taken at once, what did not fit when there is nothing else to do.
func (c *Caller) takeOver(ctx context.Context, resumed bool) (more bool, err error) {
	c.mu.Lock()
	limit := min(c.config.Capacity-len(c.lines), sweepLimit)
	held := resumed || c.overflowed && len(c.lines) == 0
	if held {
		c.overflowed = false
	}
	c.mu.Unlock()
	if limit <= 0 {
		return false, nil
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	ops, err := c.deps.Leases.Take(ctx, now, now.Add(c.config.Lease), limit, held)
	if err != nil || held && len(ops) == limit {
		c.mu.Lock()
		c.overflowed = c.overflowed || held
		c.mu.Unlock()
	}
	if err != nil {
		return false, err
	}
	c.Offer(ops)
	return len(ops) == sweepLimit, nil
}

func (c *Caller) count(ctx context.Context) error {
	n, err := c.deps.Leases.CountOpen(ctx)
	if err != nil {
		return err
	}
	c.open.Set(float64(n))
	return nil
}
