package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"ordersaga.internal/processmanager/saga"
)

// Querier is what reading for people needs: a pool is one.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// ErrNotFound is returned for an order without an instance.
var ErrNotFound = errors.New("no saga instance of this order")

// One returns an instance, without its data, and its whole history, oldest first. Errors: ErrNotFound.
func One(ctx context.Context, q Querier, order uuid.UUID) (*Record, []Entry, error) {
	rows, err := q.Query(ctx, oneSQL, id(order))
	if err != nil {
		return nil, nil, fmt.Errorf("read instance: %w", err)
	}
	records, err := readRecords(rows)
	if err != nil {
		return nil, nil, fmt.Errorf("read instance: %w", err)
	}
	if len(records) == 0 {
		return nil, nil, ErrNotFound
	}
	if rows, err = q.Query(ctx, entriesSQL, id(order)); err != nil {
		return nil, nil, fmt.Errorf("read history: %w", err)
	}
	entries, err := readEntries(rows)
	if err != nil {
		return nil, nil, fmt.Errorf("read history: %w", err)
	}
	return records[0], entries, nil
}

// Filter of a list. Zero values do not count.
type Filter struct {
	State      saga.State
	Stuck      *bool
	CustomerID string
	Step       string    // they wait for its answer, or owe its compensation
	Before     uuid.UUID // only orders placed before this one
}

// List returns at most limit instances, without their data, the newest order first.
func List(ctx context.Context, q Querier, f Filter, limit int) ([]*Record, error) {
	before := f.Before
	if before == uuid.Nil {
		before = uuid.Max
	}
	sql, args := listSQL, []any{id(before), limit}
	where := func(condition string, arg any) {
		args = append(args, arg)
		sql += fmt.Sprintf(condition, len(args))
	}
	switch {
	case f.State == "":
	case f.State == saga.Rejected, f.State == saga.Cancelled:
		sql += listFailedSQL
	case !f.State.Final():
		sql += listOpenSQL
	}
	if f.State != "" {
		where(listStateSQL, string(f.State))
	}
	if f.Stuck != nil && *f.Stuck {
		sql += listStuckSQL
	} else if f.Stuck != nil {
		sql += listUnstuckSQL
	}
	if f.CustomerID != "" {
		where(listCustomerSQL, f.CustomerID)
	}
	if f.Step != "" {
		where(listStepSQL, f.Step)
	}
	rows, err := q.Query(ctx, sql+listOrderSQL, args...)
	if err != nil {
		return nil, fmt.Errorf("list instances: %w", err)
	}
	records, err := readRecords(rows)
	if err != nil {
		return nil, fmt.Errorf("list instances: %w", err)
	}
	return records, nil
}

// Count returns how many instances are in each state that is not final, and under "stuck" how many need an operator.
func Count(ctx context.Context, q Querier) (map[string]int64, error) {
	rows, err := q.Query(ctx, countSQL)
	if err != nil {
		return nil, fmt.Errorf("count instances: %w", err)
	}
	counts := map[string]int64{string(saga.Running): 0, string(saga.Unwinding): 0, string(saga.Ending): 0}
	var (
		state string
		n     int64
	)
	if _, err := pgx.ForEachRow(rows, []any{&state, &n}, func() error { counts[state] = n; return nil }); err != nil {
		return nil, fmt.Errorf("count instances: %w", err)
	}
	return counts, nil
}

// VersionCount is how many instances of a version of a definition are in flight.
type VersionCount struct {
	Definition string
	Version    int
	Instances  int64
}

// InFlight returns the versions that instances in flight began with.
func InFlight(ctx context.Context, q Querier) ([]VersionCount, error) {
	rows, err := q.Query(ctx, inFlightSQL)
	if err != nil {
		return nil, fmt.Errorf("read versions in flight: %w", err)
	}
	counts, err := pgx.CollectRows(rows, pgx.RowToStructByPos[VersionCount])
	if err != nil {
		return nil, fmt.Errorf("read versions in flight: %w", err)
	}
	return counts, nil
}

// Kept returns which orders have a place here: those of the months that are attached.
func Kept(ctx context.Context, q Querier) (Range, error) {
	rows, err := q.Query(ctx, keptSQL)
	if err != nil {
		return Range{}, fmt.Errorf("read partitions: %w", err)
	}
	var from, to pgtype.UUID
	_, err = pgx.ForEachRow(rows, []any{&from, &to}, func() error { return nil })
	if err != nil {
		return Range{}, fmt.Errorf("read partitions: %w", err)
	}
	return Range{From: from.Bytes, To: to.Bytes}, nil
}

// MakePartitions makes the months' partitions that are missing, from past months ago to ahead months from now.
func MakePartitions(ctx context.Context, q Querier, past, ahead int) error {
	rows, err := q.Query(ctx, makePartitionsSQL, past, ahead)
	if err == nil {
		rows.Close()
		err = rows.Err()
	}
	if err != nil {
		return fmt.Errorf("make partitions: %w", err)
	}
	return nil
}
