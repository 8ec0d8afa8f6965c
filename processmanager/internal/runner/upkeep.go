package runner

import (
	"context"
	"time"

	"ordersaga.internal/processmanager/internal/store"
)

// How many months have a partition, counted from this one. A month that somebody detached is not made again.
const (
	monthsPast  = 1
	monthsAhead = 2
)

const (
	upkeepEvery = 24 * time.Hour
	upkeepRetry = time.Minute
)

// Prepare makes the partitions that are missing and tells the handler which orders are kept. Call it before the machine
// runs.
func (h *Handler) Prepare(ctx context.Context, db store.Querier) error {
	if err := store.MakePartitions(ctx, db, monthsPast, monthsAhead); err != nil {
		return err
	}
	kept, err := store.Kept(ctx, db)
	if err != nil {
		return err
	}
	h.Keep(kept)
	return nil
}

// Upkeep repeats Prepare every day, counts the instances for the metrics and ends the storms that are over, until ctx ends.
func (h *Handler) Upkeep(ctx context.Context, db store.Querier) error {
	count, prepare := time.NewTicker(h.cfg.CountEvery), time.NewTimer(upkeepEvery)
	defer count.Stop()
	defer prepare.Stop()
	for {
		h.measure(ctx, db)
		h.calm(ctx, db)
		select {
		case <-ctx.Done():
			return nil
		case <-count.C:
		case <-prepare.C:
			next := upkeepEvery
			if err := h.Prepare(ctx, db); err != nil {
				h.deps.Log.ErrorContext(ctx, "could not make partitions for coming orders", "error", err)
				next = upkeepRetry
			}
			prepare.Reset(next)
		}
	}
}

func (h *Handler) measure(ctx context.Context, db store.Querier) {
	counts, err := store.Count(ctx, db)
	if err != nil {
		if ctx.Err() == nil {
			h.deps.Log.WarnContext(ctx, "could not count saga instances", "error", err)
		}
		return
	}
	for state, n := range counts {
		h.metrics.instances.WithLabelValues(state).Set(float64(n))
	}
}
