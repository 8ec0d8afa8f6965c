package runner

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ordersaga.internal/processmanager/internal/store"
)

// A deadline storm is a time in which so many instances of one step have no answer that the fault is not theirs: then no
// deadline of that step undoes an order (docs/decisions/deadline-storms.md). Only when a deadline passed is it asked whether
// there is one; who waits is counted over the whole database, whoever owns their partitions.

// stormMemory bounds how far back is looked for instances that had an answer, or are undone because they had none.
const stormMemory = time.Hour

// StormLimit is how many instances of a step may be without an answer in time. The zero value of a field means its default.
type StormLimit struct {
	Share float64 // of the step's instances of the same time, above 0; 1: there are no storms. Default 0.2.
	Least int     // fewer are no storm, whatever share they are. Default 20.
}

// Validate returns what is wrong with the limit.
func (l StormLimit) Validate() error {
	var errs []error
	if l.Share <= 0 || l.Share > 1 {
		errs = append(errs, errors.New("DEADLINE_STORM_SHARE must be above 0 and at most 1"))
	}
	if l.Least < 1 {
		errs = append(errs, errors.New("DEADLINE_STORM_LEAST must be at least 1"))
	}
	return errors.Join(errs...)
}

func (l StormLimit) withDefaults() StormLimit {
	if l.Share == 0 {
		l.Share = 0.2
	}
	if l.Least == 0 {
		l.Least = 20
	}
	return l
}

// begins tells whether so many are a storm.
func (l StormLimit) begins(w store.Waiting) bool {
	return w.Overdue >= l.Least && float64(w.Overdue) > l.Share*float64(w.InFlight+w.Answered)
}

// ends tells whether a storm is over: at half of what begins one, so that it does not come and go.
func (l StormLimit) ends(w store.Waiting) bool {
	return 2*w.Overdue < l.Least || 2*float64(w.Overdue) <= l.Share*float64(w.InFlight+w.Answered)
}

// enough is how many answered instances make of times as many overdue ones no storm: more need not be counted.
func (l StormLimit) enough(w store.Waiting, times float64) int {
	return max(0, int(math.Ceil(times*float64(w.Overdue)/l.Share))-w.InFlight)
}

// answered completes who waits for a step with who of the same time had an answer, up to what decides.
func (h *Handler) answered(ctx context.Context, q store.Querier, step string, n store.Now, now time.Time, times float64) (w store.Waiting, err error) {
	since := n.Oldest
	if earliest := now.Add(-stormMemory); since.Before(earliest) {
		since = earliest
	}
	w = n.Waiting
	w.Answered, err = store.CountAnswered(ctx, q, step, since, h.cfg.Storm.enough(w, times))
	return w, err
}

// guard returns the guards of the steps of which a deadline passed. It begins the storms that it finds.
func (h *Handler) guard(ctx context.Context, tx pgx.Tx, passed []string) (map[string]store.Guard, error) {
	if len(passed) == 0 {
		return nil, nil
	}
	guards, err := store.Guards(ctx, tx, passed) // before anything is counted
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(passed, func(step string) bool { return !guards[step].Held }) {
		return guards, nil
	}
	now := time.Now().UTC()
	waiting, err := store.CountWaiting(ctx, tx, passed, now, now.Add(-stormMemory))
	if err != nil {
		return nil, err
	}
	begun := false
	for step, n := range waiting {
		if guards[step].Held || !h.cfg.Storm.begins(n.Waiting) {
			continue
		}
		w, err := h.answered(ctx, tx, step, n, now, 1)
		if err != nil {
			return nil, err
		}
		if !h.cfg.Storm.begins(w) {
			continue
		}
		if err := h.beginStorm(ctx, tx, &store.Storm{Step: step, BeganAt: now, Waiting: w}, guards[step].Ever); err != nil {
			return nil, err
		}
		begun = true
	}
	if !begun {
		return guards, nil
	}
	return store.Guards(ctx, tx, passed) // as they are now
}

// beginStorm calls for an operator, once however many replicas see it.
func (h *Handler) beginStorm(ctx context.Context, tx pgx.Tx, s *store.Storm, ever int) (err error) {
	if s.ID, err = uuid.NewV7(); err != nil {
		return fmt.Errorf("name a deadline storm: %w", err)
	}
	begun, err := store.BeginStorm(ctx, tx, s, ever)
	if err != nil || !begun {
		return err
	}
	h.metrics.storms.WithLabelValues(s.Step).Set(1)
	h.deps.Log.ErrorContext(ctx, "deadline storm: no order is undone because of this step until its answers come again or an operator releases it",
		"step", s.Step, "storm_id", s.ID, "in_flight", s.InFlight, "overdue", s.Overdue, "answered", s.Answered)
	return nil
}

// calm ends the storms that are over, and shows those that are on.
func (h *Handler) calm(ctx context.Context, db store.Querier) {
	if err := h.calmAll(ctx, db); err != nil && ctx.Err() == nil {
		h.deps.Log.WarnContext(ctx, "could not look whether deadline storms are over", "error", err)
	}
}

// mostSteps is more than any saga has: a storm is of a step, one at a time.
const mostSteps = 1000

func (h *Handler) calmAll(ctx context.Context, db store.Querier) error {
	on := true
	storms, err := store.Storms(ctx, db, &on, uuid.Nil, mostSteps)
	if err != nil {
		return err
	}
	shown := make(map[string]float64, len(storms))
	if len(storms) > 0 {
		steps := make([]string, len(storms))
		for i := range storms {
			steps[i] = storms[i].Step
		}
		now := time.Now().UTC()
		waiting, err := store.CountWaiting(ctx, db, steps, now, now.Add(-stormMemory))
		if err != nil {
			return err
		}
		for i := range storms {
			over, err := h.endIfOver(ctx, db, &storms[i], waiting[storms[i].Step], now)
			if err != nil {
				return err
			}
			if !over {
				shown[storms[i].Step] = 1
			}
		}
	}
	for _, step := range h.deps.Versions.Deadlines() {
		h.metrics.storms.WithLabelValues(step).Set(shown[step])
	}
	return nil
}

func (h *Handler) endIfOver(ctx context.Context, db store.Querier, s *store.Storm, n store.Now, now time.Time) (over bool, err error) {
	w := n.Waiting
	if !h.cfg.Storm.ends(w) {
		if w, err = h.answered(ctx, db, s.Step, n, now, 2); err != nil || !h.cfg.Storm.ends(w) {
			return false, err
		}
	}
	ended, err := store.Calm(ctx, db, s.ID, now)
	if err != nil {
		return false, err
	}
	if ended {
		h.deps.Log.WarnContext(ctx, "deadline storm is over: what is left starts its deadline anew",
			"step", s.Step, "storm_id", s.ID, "in_flight", w.InFlight, "overdue", w.Overdue, "answered", w.Answered, "lasted", now.Sub(s.BeganAt))
	}
	return true, nil
}
