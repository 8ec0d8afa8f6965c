package store_test

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ordersaga.internal/processmanager/internal/fulfilment"
	"ordersaga.internal/processmanager/internal/store"
	"ordersaga.internal/processmanager/saga"
)

// clock is a transaction in which the deadlines of partition 5 are looked at.
type clock struct {
	t  *testing.T
	tx pgx.Tx
	s  *store.Store
}

func withClock(t *testing.T, r []*store.Record, do func(ctx context.Context, c clock)) {
	t.Helper()
	_, pool := open(t)
	s := store.New(saga.NewSet(fulfilment.V1), 10)
	for k := range r {
		r[k].Partition = 5
	}
	in(t, pool, func(ctx context.Context, tx pgx.Tx) error {
		if err := s.Save(ctx, tx, r, nil, nil); err != nil {
			return err
		}
		do(ctx, clock{t, tx, s})
		return nil
	})
}

// due returns who needs the clock when the log is known up to a time after now.
func (c clock) due(ctx context.Context, after time.Duration) map[uuid.UUID]store.Timer {
	c.t.Helper()
	due, err := c.s.Due(ctx, c.tx, map[int32]time.Time{4: now.Add(time.Hour), 5: now.Add(after)}, 10)
	if err != nil {
		c.t.Fatal(err)
	}
	out := make(map[uuid.UUID]store.Timer)
	for _, timer := range due {
		out[timer.OrderID] = timer
	}
	return out
}

func (c clock) exec(ctx context.Context, sql string, args ...any) {
	c.t.Helper()
	if _, err := c.tx.Exec(ctx, sql, args...); err != nil {
		c.t.Fatal(err)
	}
}

func TestDeadlines(t *testing.T) {
	t.Parallel()
	r := records(4)
	r[0].Outstanding.ResendAt, r[0].Outstanding.Deadline = now.Add(time.Minute), now.Add(time.Second)
	r[1].Outstanding.ResendAt, r[1].Outstanding.Deadline, r[1].Outstanding.Step = now.Add(2*time.Second), time.Time{}, "dispatch"
	r[2].State, r[2].Stuck, r[2].Outstanding = saga.Unwinding, "owed", nil
	r[3].Outstanding.ResendAt, r[3].Outstanding.Deadline = now.Add(-time.Minute), now.Add(-time.Second) // behind a dead letter
	withClock(t, r, func(ctx context.Context, c clock) {
		c.exec(ctx, `INSERT INTO dead_letter_heads ("group", subject, partition, since) VALUES ('processmanager', $1, 5, now())`, r[3].ID)
		check := func(after, resend, deadline, dispatch time.Duration, want ...int) {
			t.Helper()
			found, err := c.s.Earliest(ctx, c.tx, []int32{4, 5})
			if err != nil || len(found) != 2 {
				t.Fatalf("earliest %v, %v", found, err)
			}
			for _, s := range found {
				first, then := now.Add(resend), now.Add(deadline)
				if s.Step == "dispatch" {
					first, then = now.Add(dispatch), time.Time{}
				}
				if s.Partition != 5 || !s.ResendAt.Equal(first) || !s.Deadline.Equal(then) {
					t.Errorf("earliest %+v", s)
				}
			}
			due := c.due(ctx, after)
			if len(due) != len(want) {
				t.Errorf("due %v, want %v", due, want)
			}
			for _, k := range want {
				if d := due[r[k].ID]; d.Partition != 5 || d.Traceparent != r[k].Traceparent || d.Held || d.Anew {
					t.Errorf("due %+v", d)
				}
			}
		}
		check(0, time.Minute, time.Second, 2*time.Second)
		check(time.Second, time.Minute, time.Second, 2*time.Second, 0)
		check(2*time.Second, time.Minute, time.Second, 2*time.Second, 0, 1)
		if err := c.s.Defer(ctx, c.tx, 5, time.Minute); err != nil {
			t.Fatal(err)
		}
		check(2*time.Second, 2*time.Minute, time.Minute+time.Second, time.Minute+2*time.Second)
		check(time.Minute+2*time.Second, 2*time.Minute, time.Minute+time.Second, time.Minute+2*time.Second, 0, 1)
	})
}

// A command is sent again in time, but a deadline counts only when the log was read up to an end that lies behind it
// (rule 7): the answer may be in between.
func TestADeadlineBeyondWhatIsKnownIsHeld(t *testing.T) {
	t.Parallel()
	r := records(1)
	r[0].Outstanding.ResendAt, r[0].Outstanding.Deadline = now.Add(time.Second), now.Add(2*time.Second)
	withClock(t, r, func(ctx context.Context, c clock) {
		if d, ok := c.due(ctx, time.Second)[r[0].ID]; !ok || !d.Held {
			t.Errorf("before its deadline is known to have passed: %+v", d)
		}
		if d, ok := c.due(ctx, 2*time.Second)[r[0].ID]; !ok || d.Held {
			t.Errorf("afterwards: %+v", d)
		}
	})
}

// In a storm a passed deadline is held; released, it passes; where the storm ended by itself it starts anew.
func TestDeadlinesInAStorm(t *testing.T) {
	t.Parallel()
	r := records(3)
	for k := range r {
		r[k].Outstanding.ResendAt, r[k].Outstanding.Deadline = now.Add(time.Minute), now.Add(-time.Hour)
	}
	r[1].Outstanding.ResendAt = now.Add(-time.Second)
	r[2].Outstanding.Step = "capture payment"
	withClock(t, r, func(ctx context.Context, c clock) {
		check := func(what string, want ...string) {
			t.Helper()
			due := c.due(ctx, 0)
			for k, w := range want {
				got := "not due"
				if d, ok := due[r[k].ID]; ok {
					got = map[[2]bool]string{{}: "passes", {true, false}: "held", {false, true}: "anew"}[[2]bool{d.Held, d.Anew}]
				}
				if got != w {
					t.Errorf("%s: %d is %s, want %s", what, k, got, w)
				}
			}
		}
		ever := 0
		begin := func(at time.Duration) store.Storm {
			t.Helper()
			s := store.Storm{
				ID: uuid.Must(uuid.NewV7()), Step: "reserve stock", BeganAt: now.Add(at), Waiting: store.Waiting{InFlight: 3, Overdue: 2},
			}
			if begun, err := store.BeginStorm(ctx, c.tx, &s, ever); err != nil || !begun {
				t.Fatal(begun, err)
			}
			ever++
			return s
		}
		check("no storm", "passes", "passes", "passes")
		first := begin(-50 * time.Minute)
		check("a storm", "not due", "held", "passes")
		other := store.Storm{ID: uuid.Must(uuid.NewV7()), Step: first.Step, BeganAt: now, Waiting: first.Waiting}
		if begun, err := store.BeginStorm(ctx, c.tx, &other, ever); err != nil || begun {
			t.Errorf("a second storm of the step: %t, %v", begun, err)
		}
		if ended, err := store.Calm(ctx, c.tx, first.ID, now.Add(-40*time.Minute)); err != nil || !ended {
			t.Fatal(ended, err)
		}
		check("ended by itself", "anew", "anew", "passes")
		second := begin(-30 * time.Minute)
		check("the next storm", "not due", "held", "passes")
		if s, released, err := store.Release(ctx, c.tx, second.ID, "olga", "it is gone for good", now.Add(-20*time.Minute)); err != nil || !released || s.Operator != "olga" {
			t.Fatal(s, released, err)
		}
		check("released", "passes", "passes", "passes")
		// Who counted before that storm counted what was released.
		if begun, err := store.BeginStorm(ctx, c.tx, &other, ever-1); err != nil || begun {
			t.Errorf("a storm of what was released: %t, %v", begun, err)
		}
		if g, err := store.Guards(ctx, c.tx, []string{first.Step, "capture payment"}); err != nil || len(g) != 1 || g[first.Step].Ever != ever {
			t.Errorf("storms ever: %+v, %v", g, err)
		}
		begin(-10 * time.Minute)
		check("a third, in which what was released passes", "passes", "passes", "passes")
	})
}

// Who waits for a step: those that it has not answered, and those that are undone because it did not; not those that are
// owed, that wait behind a dead letter, or that an operator let pass.
func TestWhoWaitsForAStep(t *testing.T) {
	t.Parallel()
	r := records(9)
	for k := range r {
		r[k].Outstanding.Deadline = now.Add(time.Minute)
	}
	r[0].StartedAt = now.Add(-time.Minute)
	r[1].Outstanding.Attempt = 2
	r[2].Outstanding.Deadline = now
	r[3].Outstanding.Step = "capture payment"
	undone := func(r *store.Record) {
		r.State, r.Failed, r.Reason = saga.Unwinding, "reserve stock", saga.TimedOut
		r.Outstanding.Undo, r.Outstanding.Deadline = true, time.Time{}
	}
	undone(r[4])
	undone(r[5])
	r[5].Stuck = "owed"
	undone(r[6])
	r[6].Reason = "out_of_stock"
	undone(r[8])
	r[8].StartedAt = now.Add(-2 * time.Hour) // too long ago to tell anything
	withClock(t, r, func(ctx context.Context, c clock) {
		check := func(inFlight, overdue int) {
			t.Helper()
			got, err := store.CountWaiting(ctx, c.tx, []string{"reserve stock", "authorize payment"}, now, now.Add(-time.Hour))
			if n := got["reserve stock"]; err != nil || len(got) != 1 || n.Waiting != (store.Waiting{InFlight: inFlight, Overdue: overdue}) || !n.Oldest.Equal(now.Add(-time.Minute)) {
				t.Errorf("%+v, %v, want %d of %d", got, err, overdue, inFlight)
			}
		}
		check(5, 3) // 0 and 7 have time, 1 was sent again, 2 is at its deadline, 4 is undone
		c.exec(ctx, `INSERT INTO dead_letter_heads ("group", subject, partition, since) VALUES ('processmanager', $1, 5, now())`, r[1].ID)
		check(4, 2)
		s := store.Storm{ID: uuid.Must(uuid.NewV7()), Step: "reserve stock", BeganAt: now, Waiting: store.Waiting{InFlight: 4, Overdue: 2}}
		if _, err := store.BeginStorm(ctx, c.tx, &s, 0); err != nil {
			t.Fatal(err)
		}
		if _, _, err := store.Release(ctx, c.tx, s.ID, "olga", "gone", now); err != nil {
			t.Fatal(err)
		}
		check(2, 0) // 0 and 7
	})
}

// Who had an answer of a step: those that began it, and neither wait for it nor were given up at it.
func TestWhoHadAnAnswer(t *testing.T) {
	t.Parallel()
	r := records(7)
	answered := func(r *store.Record) {
		r.Steps = append(r.Steps, saga.Progress{Step: "authorize payment", Outcome: saga.Open})
		r.Steps[0].Outcome, r.Outstanding.Step = saga.Succeeded, "authorize payment"
	}
	answered(r[1])
	answered(r[2])
	r[2].State, r[2].Outstanding, r[2].FinishedAt = saga.Completed, nil, now
	r[3].State, r[3].Failed, r[3].Reason, r[3].Outstanding.Step = saga.Ending, "reserve stock", "out_of_stock", "reject"
	r[3].Outstanding.Deadline = time.Time{}
	r[4].State, r[4].Failed, r[4].Reason = saga.Unwinding, "reserve stock", saga.TimedOut
	r[4].Outstanding.Undo, r[4].Outstanding.Deadline = true, time.Time{}
	r[5].Steps = nil
	answered(r[6])
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.Add(-2*time.Minute).UnixMilli()))
	copy(r[6].ID[:6], ms[2:]) // placed before
	withClock(t, r, func(ctx context.Context, c clock) {
		for _, q := range []struct {
			step        string
			limit, want int
		}{{"reserve stock", 10, 3}, {"reserve stock", 2, 2}, {"reserve stock", 0, 0}, {"authorize payment", 10, 1}, {"stock", 10, 0}} {
			if n, err := store.CountAnswered(ctx, c.tx, q.step, now.Add(-time.Minute), q.limit); err != nil || n != q.want {
				t.Errorf("%s, up to %d: %d, %v, want %d", q.step, q.limit, n, err, q.want)
			}
		}
	})
}
