package store_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ordersaga.internal/processmanager/internal/fulfilment"
	"ordersaga.internal/processmanager/internal/store"
	"ordersaga.internal/processmanager/saga"
)

// What is saved is what is read, in every shape that an instance may have.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	_, pool := open(t)
	want := records(4)
	want[1].State, want[1].Outstanding, want[1].FinishedAt = saga.Completed, nil, now
	want[2].State, want[2].Stuck, want[2].Outstanding = saga.Unwinding, "compensation owed: x (a\tb\n\"c\")", nil
	want[2].Failed, want[2].Reason, want[2].Cancelling = "capture payment", "expired", true
	want[2].Steps = []saga.Progress{
		{Step: "reserve stock", Outcome: saga.Undone, UndoAttempt: 3, Answered: 7},
		{Step: "x", Outcome: saga.Owed, UndoAttempt: 1, Failure: "a\tb\n\"c\""},
	}
	want[3].Outstanding.Undo, want[3].Outstanding.Deadline = true, time.Time{}

	for _, remember := range []int{0, 100} {
		s := store.New(saga.NewSet(fulfilment.V1), remember)
		if remember == 0 {
			in(t, pool, func(ctx context.Context, tx pgx.Tx) error {
				return s.Save(ctx, tx, want, nil, entries(want, "OrderPlaced.v1"))
			})
			s.Committed(want, nil)
		}
		for range 2 {
			in(t, pool, func(ctx context.Context, tx pgx.Tx) error {
				got, err := s.Lock(ctx, tx, append(ids(want), uuid.Must(uuid.NewV7())))
				for k := range want {
					if err == nil && !reflect.DeepEqual(got[k], want[k]) {
						t.Errorf("got  %+v\nwant %+v", got[k], want[k])
					}
				}
				return err
			})
		}
		for _, r := range want {
			r.Transitions, r.UpdatedAt = r.Transitions+1, r.UpdatedAt.Add(time.Second)
		}
		in(t, pool, func(ctx context.Context, tx pgx.Tx) error { return s.Save(ctx, tx, nil, want, nil) })
		s.Committed(nil, want)
	}
}

// An input is in the history once. If it had no effect when it first came, and has one now, then with the effect.
func TestHistoryRecordsAnInputOnce(t *testing.T) {
	t.Parallel()
	_, pool := open(t)
	s := store.New(saga.NewSet(fulfilment.V1), 10)
	r := records(1)
	e := entries(r, "StockReserved.v1")
	save := func(effect saga.Effect, transition int) {
		e[0].Note.Effect, e[0].Transition = effect, transition
		in(t, pool, func(ctx context.Context, tx pgx.Tx) error { return s.Save(ctx, tx, nil, nil, e) })
	}
	in(t, pool, func(ctx context.Context, tx pgx.Tx) error { return s.Save(ctx, tx, r, nil, nil) })
	for _, step := range []struct {
		effect saga.Effect
		want   saga.Effect
		at     int
	}{{saga.Late, saga.Late, 1}, {saga.Ignored, saga.Late, 1}, {saga.Applied, saga.Applied, 3}, {saga.Late, saga.Applied, 3}} {
		save(step.effect, step.at)
		_, history, err := store.One(t.Context(), pool, r[0].ID)
		if err != nil || len(history) != 1 || history[0].Note.Effect != step.want || history[0].Transition != step.at {
			t.Errorf("after %s: %v %+v", step.effect, err, history)
		}
	}
}
