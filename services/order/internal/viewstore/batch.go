// Package viewstore keeps the read model in its own database: Load and Save work for a batch of events, Reader reads for
// HTTP, and Generations makes and swaps whole read models.
package viewstore

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"ordersaga.internal/services/order/internal/view"
)

// Querier is a pool, a connection or a transaction.
type Querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Load reads the live rows of the orders, and which generation is live until the transaction ends.
func Load(ctx context.Context, tx pgx.Tx, orders []uuid.UUID) (book *view.Book, generation int32, err error) {
	book = view.NewBook()
	batch := &pgx.Batch{}
	batch.Queue(lockLive)
	batch.Queue(selectLive).QueryRow(func(row pgx.Row) error { return row.Scan(&generation) })
	batch.Queue(loadLive, ids(orders)).Query(func(rows pgx.Rows) error { return scan(rows, book) })
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, 0, fmt.Errorf("load the read model: %w", err)
	}
	return book, generation, nil
}

// LoadFrom reads rows of a generation that nobody else writes.
func LoadFrom(ctx context.Context, db Querier, generation int32, orders []uuid.UUID) (*view.Book, error) {
	book := view.NewBook()
	rows, err := db.Query(ctx, loadFrom, ids(orders), generation)
	if err == nil {
		err = scan(rows, book)
	}
	if err != nil {
		return nil, fmt.Errorf("load generation %d: %w", generation, err)
	}
	return book, nil
}

// Save writes what changed into a generation.
func Save(ctx context.Context, db Querier, generation int32, book *view.Book) error {
	changed := book.Changed()
	if len(changed) == 0 {
		return nil
	}
	if _, err := db.Exec(ctx, upsertRows, append([]any{generation}, arrays(changed)...)...); err != nil {
		return fmt.Errorf("save the read model: %w", err)
	}
	return nil
}

func scan(rows pgx.Rows, book *view.Book) error {
	var id pgtype.UUID
	var r view.Row
	_, err := pgx.ForEachRow(rows, append([]any{&id}, targets(&r)...), func() error {
		row := r
		row.ID = id.Bytes
		book.Add(&row)
		return nil
	})
	return err
}

// ids spares pgx the reflection that it needs for uuid.UUID.
func ids(orders []uuid.UUID) []pgtype.UUID {
	out := make([]pgtype.UUID, len(orders))
	for i, id := range orders {
		out[i] = pgtype.UUID{Bytes: id, Valid: true}
	}
	return out
}
