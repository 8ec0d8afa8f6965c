package runner

import (
	"context"
	"errors"
	"fmt"
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

// ErrVersionMissing says that instances are in flight under a version of the definition that this program does not have.
var ErrVersionMissing = errors.New("a version of the definition is missing")

// Prepare makes the partitions that are missing and tells the handler which orders are kept. Call it before the machine
// runs. Errors: ErrVersionMissing, which says what to do.
func (h *Handler) Prepare(ctx context.Context, db store.Querier) error {
	if err := h.checkVersions(ctx, db); err != nil {
		return err
	}
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

// checkVersions: an instance ends under the version that it began with (rule 9). Where that is gone, every message of it would
// become a dead letter.
func (h *Handler) checkVersions(ctx context.Context, db store.Querier) error {
	counts, err := store.InFlight(ctx, db)
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range counts {
		if !h.deps.Versions.Holds(c.Definition, c.Version) {
			errs = append(errs, fmt.Errorf("%w: %d instances are in flight under %s v%d: register it again "+
				"(internal/fulfilment/versions.go), or run the release that has it until they have ended",
				ErrVersionMissing, c.Instances, c.Definition, c.Version))
		}
	}
	return errors.Join(errs...)
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
