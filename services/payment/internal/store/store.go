// Package store keeps operations in PostgreSQL.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"ordersaga.internal/services/payment/internal/payments"
)

// Load locks and reads the operations of the orders, which must be sorted.
func Load(ctx context.Context, tx pgx.Tx, orders []uuid.UUID) ([]payments.Operation, error) {
	ids := uuids(orders)
	batch := &pgx.Batch{}
	batch.Queue(lockSQL, ids)
	batch.Queue(loadSQL, ids)
	results := tx.SendBatch(ctx, batch)
	if _, err := results.Exec(); err != nil {
		return nil, errors.Join(fmt.Errorf("lock operations: %w", err), results.Close())
	}
	rows, err := results.Query()
	var out []payments.Operation
	if err == nil {
		out, err = pgx.CollectRows(rows, scan)
	}
	if err := errors.Join(err, results.Close()); err != nil {
		return nil, fmt.Errorf("load operations: %w", err)
	}
	return out, nil
}

// Save writes new operations and changed ones, each part in primary-key order, in one round trip.
func Save(ctx context.Context, tx pgx.Tx, fresh, changed []payments.Operation) error {
	batch := &pgx.Batch{}
	queue(batch, insertSQL, fresh)
	queue(batch, updateSQL, changed)
	if batch.Len() == 0 {
		return nil
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("save operations: %w", err)
	}
	return nil
}

func queue(batch *pgx.Batch, sql string, ops []payments.Operation) {
	if len(ops) == 0 {
		return
	}
	want := int64(len(ops))
	batch.Queue(sql, args(ops)...).Exec(func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() != want {
			return fmt.Errorf("%d of %d operations", tag.RowsAffected(), want)
		}
		return nil
	})
}

// Leases takes over operations whose lease or pause has ended.
type Leases struct {
	Pool    *pgxpool.Pool
	Replica string
}

// Take leases at most limit operations that are due at now, until the given time. Where forgotten is set it takes also what
// this replica leased before, but for orders in known: it has no other operation in memory.
func (l Leases) Take(
	ctx context.Context, now, until time.Time, limit int, forgotten bool, known []uuid.UUID,
) ([]payments.Operation, error) {
	if known == nil {
		known = []uuid.UUID{} // NULL would exclude everything
	}
	rows, err := l.Pool.Query(ctx, leaseSQL, now, until, l.Replica, limit, forgotten, known)
	if err != nil {
		return nil, fmt.Errorf("lease operations: %w", err)
	}
	out, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, fmt.Errorf("lease operations: %w", err)
	}
	return out, nil
}

// Release lets others have what this replica holds: right only where nothing of it is being called any more.
func (l Leases) Release(ctx context.Context, now time.Time) error {
	if _, err := l.Pool.Exec(ctx, releaseSQL, l.Replica, now); err != nil {
		return fmt.Errorf("release operations: %w", err)
	}
	return nil
}

// Unsettled returns the orders' operations about which the provider may have news.
func (l Leases) Unsettled(ctx context.Context, orders []uuid.UUID) ([]payments.Operation, error) {
	rows, err := l.Pool.Query(ctx, unsettledSQL, uuids(orders))
	if err != nil {
		return nil, fmt.Errorf("look for unsettled operations: %w", err)
	}
	out, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, fmt.Errorf("look for unsettled operations: %w", err)
	}
	return out, nil
}

func uuids(ids []uuid.UUID) []pgtype.UUID {
	out := make([]pgtype.UUID, len(ids))
	for i, id := range ids {
		out[i] = pgtype.UUID{Bytes: id, Valid: true}
	}
	return out
}

// CountOpen returns how many operations wait for the provider, of all replicas.
func (l Leases) CountOpen(ctx context.Context) (int64, error) {
	var n int64
	if err := l.Pool.QueryRow(ctx, countOpenSQL).Scan(&n); err != nil {
		return 0, fmt.Errorf("count open operations: %w", err)
	}
	return n, nil
}
