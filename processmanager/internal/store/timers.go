package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// Earliest returns when the first instance of each partition and outstanding step needs the clock. It reads every instance
// in flight of the partitions.
func (s *Store) Earliest(ctx context.Context, tx pgx.Tx, partitions []int32) ([]Soonest, error) {
	rows, err := tx.Query(ctx, earliestSQL, small(partitions))
	if err != nil {
		return nil, fmt.Errorf("look for the earliest deadlines: %w", err)
	}
	var (
		found            Soonest
		resend, deadline pgtype.Timestamptz
		out              []Soonest
	)
	_, err = pgx.ForEachRow(rows, []any{&found.Partition, &found.Step, &resend, &deadline}, func() error {
		found.ResendAt, found.Deadline = utc(resend), utc(deadline)
		out = append(out, found)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for the earliest deadlines: %w", err)
	}
	return out, nil
}

// Due returns at most limit instances that need the clock, the earliest first: those of a partition that do so not after
// its time. A deadline that is held does not count.
func (s *Store) Due(ctx context.Context, tx pgx.Tx, until map[int32]time.Time, limit int) ([]Timer, error) {
	partitions, times := make([]int32, 0, len(until)), make([]pgtype.Timestamptz, 0, len(until))
	for partition, t := range until {
		partitions, times = append(partitions, partition), append(times, at(t))
	}
	rows, err := tx.Query(ctx, dueSQL, small(partitions), times, limit)
	if err != nil {
		return nil, fmt.Errorf("read deadlines: %w", err)
	}
	var (
		t     Timer
		order pgtype.UUID
		out   []Timer
	)
	targets := []any{&order, &t.Partition, &t.Traceparent, &t.Tracestate, &t.Held, &t.Anew}
	_, err = pgx.ForEachRow(rows, targets, func() error {
		t.OrderID = order.Bytes
		out = append(out, t)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read deadlines: %w", err)
	}
	return out, nil
}

// Defer moves what is pending in a partition later by d.
func (s *Store) Defer(ctx context.Context, tx pgx.Tx, partition int32, d time.Duration) error {
	if _, err := tx.Exec(ctx, deferSQL, partition, d); err != nil {
		return fmt.Errorf("defer deadlines: %w", err)
	}
	return nil
}

func small(partitions []int32) []int16 {
	out := make([]int16, len(partitions))
	for i, p := range partitions {
		out[i] = int16(p)
	}
	return out
}
