package caller

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
)

const countEvery = time.Second

// Forgotten is what this replica leased and does not have in memory: it held it before it was started again, or the answer to
// the COMMIT of an intent was lost, or there was no room. It needs no lease to end. With more orders in memory than knownMost the
// look would cost more than it saves: then the lease ends first.
const (
	forgottenEvery = time.Second
	knownMost      = 1000
)

// sweep takes over operations whose lease or pause has ended, or that were forgotten, until ctx ends.
func (c *Caller) sweep(ctx context.Context) {
	ticker := time.NewTicker(c.config.Sweep)
	defer ticker.Stop()
	failing := false
	var counted, looked time.Time
	for {
		forgotten := time.Since(looked) >= forgottenEvery
		taken, all, err := c.takeOver(ctx, forgotten)
		if forgotten && all {
			looked = time.Now()
		}
		if err == nil && time.Since(counted) >= countEvery {
			counted = time.Now()
			err = c.count(ctx)
		}
		if err != nil && ctx.Err() == nil && !failing {
			c.deps.Log.WarnContext(ctx, "open operations cannot be read; trying again", "error", err)
		}
		failing = err != nil
		if taken == sweepLimit {
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

// takeOver tells how many it took, and whether that was all.
func (c *Caller) takeOver(ctx context.Context, forgotten bool) (taken int, all bool, err error) {
	c.mu.Lock()
	limit := min(c.config.Capacity-len(c.lines), sweepLimit)
	var known []uuid.UUID
	if forgotten = forgotten && len(c.lines) <= knownMost; forgotten {
		known = slices.Collect(maps.Keys(c.lines))
	}
	c.mu.Unlock()
	if limit <= 0 {
		return 0, false, nil
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	ops, err := c.deps.Leases.Take(ctx, now, now.Add(c.config.Lease), limit, forgotten, known)
	if err != nil {
		return 0, false, err
	}
	c.Offer(ops)
	return len(ops), len(ops) < limit, nil
}

func (c *Caller) count(ctx context.Context) error {
	n, err := c.deps.Leases.CountOpen(ctx)
	if err != nil {
		return err
	}
	c.open.Set(float64(n))
	return nil
}
