package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// ErrNoStorm is returned for an id that no storm has.
var ErrNoStorm = errors.New("no such deadline storm")

// Guard is what the storms of a step, of which it had some, mean for its deadlines.
type Guard struct {
	Held     bool      // a storm is on
	Released time.Time // a deadline up to then passes all the same: an operator let it; zero: none
	Ever     int       // how many storms the step had
}

// Guards returns the guards of those of the steps that ever had a storm.
func Guards(ctx context.Context, q Querier, steps []string) (map[string]Guard, error) {
	rows, err := q.Query(ctx, guardsSQL, steps)
	if err != nil {
		return nil, fmt.Errorf("read deadline storms: %w", err)
	}
	var (
		step     string
		g        Guard
		released pgtype.Timestamptz
		out      = make(map[string]Guard)
	)
	_, err = pgx.ForEachRow(rows, []any{&step, &g.Held, &released, &g.Ever}, func() error {
		g.Released = utc(released)
		out[step] = g
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read deadline storms: %w", err)
	}
	return out, nil
}

// Now is who waits for a step.
type Now struct {
	Waiting           // without Answered
	Oldest  time.Time // when the first of them started
}

// CountWaiting counts the instances that wait for each step, where any do, of all partitions; of those that are undone only what
// started after since. It reads every instance in flight.
func CountWaiting(ctx context.Context, q Querier, steps []string, now, since time.Time) (map[string]Now, error) {
	rows, err := q.Query(ctx, waitingSQL, steps, now, since)
	if err != nil {
		return nil, fmt.Errorf("count who waits for a step: %w", err)
	}
	var (
		step   string
		n      Now
		oldest pgtype.Timestamptz
		out    = make(map[string]Now, len(steps))
	)
	_, err = pgx.ForEachRow(rows, []any{&step, &n.InFlight, &n.Overdue, &oldest}, func() error {
		n.Oldest = utc(oldest)
		out[step] = n
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count who waits for a step: %w", err)
	}
	return out, nil
}

// CountAnswered counts the instances of orders placed since then that had an answer of a step, up to limit.
func CountAnswered(ctx context.Context, q Querier, step string, since time.Time, limit int) (n int, err error) {
	rows, err := q.Query(ctx, answeredSQL, step, id(firstAt(since)), limit)
	if err == nil {
		_, err = pgx.ForEachRow(rows, []any{&n}, func() error { return nil })
	}
	if err != nil {
		return 0, fmt.Errorf("count who had an answer: %w", err)
	}
	return n, nil
}

// firstAt is the lowest UUIDv7 of a time.
func firstAt(t time.Time) (order uuid.UUID) {
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(t.UnixMilli()))
	copy(order[:6], ms[2:])
	return order
}

// BeginStorm records that a storm begins. ever is how many the step had before its instances were counted: begun is false
// where there is another since, also one that an operator released by now. What was counted would be what was released.
func BeginStorm(ctx context.Context, tx pgx.Tx, s *Storm, ever int) (begun bool, err error) {
	if _, err := tx.Exec(ctx, lockStormsSQL); err != nil {
		return false, fmt.Errorf("begin a deadline storm: %w", err)
	}
	return changed(tx.Query(ctx, beginStormSQL, id(s.ID), s.Step, s.BeganAt, s.InFlight, s.Overdue, s.Answered, ever))
}

// Calm records that a storm ended by itself; ended is false where it had ended already.
func Calm(ctx context.Context, q Querier, storm uuid.UUID, now time.Time) (ended bool, err error) {
	return changed(q.Query(ctx, calmSQL, id(storm), now))
}

// Release records that an operator ended a storm, and returns it as it then is; as it was where it had ended already.
// Errors: ErrNoStorm.
func Release(ctx context.Context, q Querier, storm uuid.UUID, operator, reason string, now time.Time) (s Storm, released bool, err error) {
	found, err := storms(q.Query(ctx, releaseSQL, id(storm), now, operator, reason))
	if err == nil && len(found) > 0 {
		return found[0], true, nil
	}
	if err == nil {
		found, err = storms(q.Query(ctx, oneStormSQL, id(storm)))
	}
	switch {
	case err != nil:
		return Storm{}, false, err
	case len(found) == 0:
		return Storm{}, false, ErrNoStorm
	}
	return found[0], false, nil
}

// Storms returns at most limit storms, the newest first: only those before one, unless that is uuid.Nil; only those that
// are on or not, unless that is nil.
func Storms(ctx context.Context, q Querier, on *bool, before uuid.UUID, limit int) ([]Storm, error) {
	if before == uuid.Nil {
		before = uuid.Max
	}
	return storms(q.Query(ctx, listStormsSQL, id(before), on, limit))
}

func storms(rows pgx.Rows, err error) ([]Storm, error) {
	if err != nil {
		return nil, fmt.Errorf("deadline storms: %w", err)
	}
	var (
		s            Storm
		key          pgtype.UUID
		began, ended pgtype.Timestamptz
		out          []Storm
	)
	targets := []any{&key, &s.Step, &began, &s.InFlight, &s.Overdue, &s.Answered, &ended, &s.Operator, &s.Reason}
	_, err = pgx.ForEachRow(rows, targets, func() error {
		s.ID, s.BeganAt, s.EndedAt = key.Bytes, began.Time.UTC(), utc(ended)
		out = append(out, s)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("deadline storms: %w", err)
	}
	return out, nil
}

// changed tells whether a statement that returns the id of each row that it changed did so.
func changed(rows pgx.Rows, err error) (bool, error) {
	var key pgtype.UUID
	n := 0
	if err == nil {
		_, err = pgx.ForEachRow(rows, []any{&key}, func() error { n++; return nil })
	}
	if err != nil {
		return false, fmt.Errorf("change a deadline storm: %w", err)
	}
	return n > 0, nil
}
