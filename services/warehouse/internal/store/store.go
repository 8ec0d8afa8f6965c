// Package store reads and writes the warehouse's tables. Every statement of the service is in this file, each for a whole
// batch.
//
// Locks are always taken in this order: the fence's rows, holds by order, changes by key, stock by SKU; so that no two
// transactions wait for each other in a circle, whatever SKUs their orders share.
package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"ordersaga.internal/contracts"
	"ordersaga.internal/services/warehouse/internal/stock"
)

const (
	holdsSQL = `
SELECT order_id, state, lines FROM holds WHERE order_id = ANY($1) ORDER BY order_id FOR UPDATE`

	levelsSQL = `
SELECT sku, received, on_hand, reserved, dispatched, written_off, damaged
FROM stock WHERE sku = ANY($1) ORDER BY sku FOR UPDATE`

	changesSQL = `
SELECT operator, key, kind, c.sku, quantity, received, on_hand, reserved, dispatched, written_off, damaged
FROM unnest($1::text[], $2::text[]) AS wanted (operator, key) JOIN changes AS c USING (operator, key)`

	saveHoldsSQL = `
INSERT INTO holds (order_id, state, lines)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[]::jsonb[])
ON CONFLICT (order_id) DO UPDATE SET state = excluded.state, lines = excluded.lines`

	updateLevelsSQL = `
UPDATE stock AS s
SET received = n.received, on_hand = n.on_hand, reserved = n.reserved, dispatched = n.dispatched,
    written_off = n.written_off, damaged = n.damaged
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
     AS n (sku, received, on_hand, reserved, dispatched, written_off, damaged)
WHERE s.sku = n.sku`

	// Two first receipts of a SKU at once: the second is a unique violation, and its batch is tried again.
	insertLevelsSQL = `
INSERT INTO stock (sku, received, on_hand, reserved, dispatched, written_off, damaged)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])`

	insertChangesSQL = `
INSERT INTO changes (operator, key, kind, sku, quantity, at, received, on_hand, reserved, dispatched, written_off, damaged)
SELECT n.operator, n.key, n.kind, n.sku, n.quantity, $12, n.received, n.on_hand, n.reserved, n.dispatched, n.written_off, n.damaged
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[],
            $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[])
     AS n (operator, key, kind, sku, quantity, received, on_hand, reserved, dispatched, written_off, damaged)`

	// TrailSQL is what an order holds, or held at last, as operators are told it.
	TrailSQL = `SELECT order_id, state, lines FROM holds WHERE order_id = $1`

	levelSQL = `
SELECT sku, received, on_hand, reserved, dispatched, written_off, damaged FROM stock WHERE sku = $1`

	pageSQL = `
SELECT sku, received, on_hand, reserved, dispatched, written_off, damaged
FROM stock WHERE sku > $1 ORDER BY sku LIMIT $2`
)

// Holds reads and locks the holds of the orders.
func Holds(ctx context.Context, tx pgx.Tx, orders []uuid.UUID) ([]stock.Hold, error) {
	rows, err := tx.Query(ctx, holdsSQL, toPG(orders))
	if err != nil {
		return nil, fmt.Errorf("load holds: %w", err)
	}
	holds, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (stock.Hold, error) {
		var (
			h     stock.Hold
			id    pgtype.UUID
			state string
		)
		err := row.Scan(&id, &state, &h.Lines)
		h.OrderID, h.State = id.Bytes, stock.HoldState(state)
		return h, err
	})
	if err != nil {
		return nil, fmt.Errorf("load holds: %w", err)
	}
	return holds, nil
}

// Entries reads the entries of the journal that refs name.
func Entries(ctx context.Context, tx pgx.Tx, refs []stock.Ref) ([]stock.Entry, error) {
	operators, keys := make([]string, len(refs)), make([]string, len(refs))
	for i, r := range refs {
		operators[i], keys[i] = r.Operator, r.Key
	}
	rows, err := tx.Query(ctx, changesSQL, operators, keys)
	if err != nil {
		return nil, fmt.Errorf("load changes: %w", err)
	}
	entries, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (stock.Entry, error) {
		var e stock.Entry
		l := &e.Level
		err := row.Scan(&e.Operator, &e.Key, (*string)(&e.Kind), &e.SKU, &e.Quantity,
			&l.Received, &l.OnHand, &l.Reserved, &l.Dispatched, &l.WrittenOff, &l.Damaged)
		l.SKU = e.SKU
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("load changes: %w", err)
	}
	return entries, nil
}

// Levels reads and locks the levels of the SKUs. Unknown ones are left out.
func Levels(ctx context.Context, tx pgx.Tx, skus []string) ([]stock.Level, error) {
	rows, err := tx.Query(ctx, levelsSQL, skus)
	if err != nil {
		return nil, fmt.Errorf("load stock: %w", err)
	}
	levels, err := pgx.CollectRows(rows, scanLevel)
	if err != nil {
		return nil, fmt.Errorf("load stock: %w", err)
	}
	return levels, nil
}

// Save writes what changed, one statement a table and kind, in one round trip. now is the time of the changes.
func Save(ctx context.Context, tx pgx.Tx, levels *stock.Levels, holds *stock.Holds, j *stock.Journal, now time.Time) error {
	batch := &pgx.Batch{}
	if err := queueHolds(batch, holds.Unsaved()); err != nil {
		return err
	}
	if entries := j.Unsaved(); len(entries) > 0 {
		queue(batch, insertChangesSQL, len(entries), append(changeColumns(entries), now)...)
	}
	fresh, changed := levels.Unsaved()
	if len(fresh) > 0 {
		queue(batch, insertLevelsSQL, len(fresh), levelColumns(fresh)...)
	}
	if len(changed) > 0 {
		queue(batch, updateLevelsSQL, len(changed), levelColumns(changed)...)
	}
	if batch.Len() == 0 {
		return nil
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("save stock: %w", err)
	}
	return nil
}

// queue adds a statement that must change exactly want rows.
func queue(batch *pgx.Batch, sql string, want int, args ...any) {
	batch.Queue(sql, args...).Exec(func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() != int64(want) {
			return fmt.Errorf("%s changed %d of %d rows", tag, tag.RowsAffected(), want)
		}
		return nil
	})
}

func queueHolds(batch *pgx.Batch, holds []stock.Hold) error {
	if len(holds) == 0 {
		return nil
	}
	orders, states, lines := make([]uuid.UUID, len(holds)), make([]string, len(holds)), make([]string, len(holds))
	for i, h := range holds {
		if h.Lines == nil {
			h.Lines = []contracts.Line{} // [], not null
		}
		encoded, err := json.Marshal(h.Lines)
		if err != nil {
			return fmt.Errorf("save hold: %w", err)
		}
		orders[i], states[i], lines[i] = h.OrderID, string(h.State), string(encoded)
	}
	queue(batch, saveHoldsSQL, len(holds), toPG(orders), states, lines)
	return nil
}

func changeColumns(entries []stock.Entry) []any {
	n := len(entries)
	operators, keys, kinds, levels := make([]string, n), make([]string, n), make([]string, n), make([]stock.Level, n)
	quantities := make([]int64, n)
	for i, e := range entries {
		operators[i], keys[i], kinds[i], quantities[i], levels[i] = e.Operator, e.Key, string(e.Kind), e.Quantity, e.Level
	}
	columns := levelColumns(levels)
	return append([]any{operators, keys, kinds, columns[0], quantities}, columns[1:]...)
}

// levelColumns returns the levels as columns: sku, received, on_hand, reserved, dispatched, written_off, damaged.
func levelColumns(levels []stock.Level) []any {
	n := len(levels)
	skus := make([]string, n)
	var numbers [6][]int64
	for i := range numbers {
		numbers[i] = make([]int64, n)
	}
	for i, l := range levels {
		skus[i] = l.SKU
		for j, number := range [...]int64{l.Received, l.OnHand, l.Reserved, l.Dispatched, l.WrittenOff, l.Damaged} {
			numbers[j][i] = number
		}
	}
	return []any{skus, numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5]}
}

// Reader answers questions from outside any batch.
type Reader struct{ Pool *pgxpool.Pool }

// Level returns the level of a SKU, and whether the warehouse knows it.
func (r Reader) Level(ctx context.Context, sku string) (stock.Level, bool, error) {
	rows, err := r.Pool.Query(ctx, levelSQL, sku)
	if err != nil {
		return stock.Level{}, false, fmt.Errorf("read stock: %w", err)
	}
	level, err := pgx.CollectExactlyOneRow(rows, scanLevel)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return stock.Level{}, false, nil
	case err != nil:
		return stock.Level{}, false, fmt.Errorf("read stock: %w", err)
	}
	return level, true, nil
}

// Page returns at most limit levels that come after the SKU, in byte order.
func (r Reader) Page(ctx context.Context, after string, limit int) ([]stock.Level, error) {
	rows, err := r.Pool.Query(ctx, pageSQL, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read stock: %w", err)
	}
	levels, err := pgx.CollectRows(rows, scanLevel)
	if err != nil {
		return nil, fmt.Errorf("read stock: %w", err)
	}
	return levels, nil
}

func scanLevel(row pgx.CollectableRow) (stock.Level, error) {
	var l stock.Level
	err := row.Scan(&l.SKU, &l.Received, &l.OnHand, &l.Reserved, &l.Dispatched, &l.WrittenOff, &l.Damaged)
	return l, err
}

func toPG(ids []uuid.UUID) []pgtype.UUID {
	out := make([]pgtype.UUID, len(ids))
	for i, id := range ids {
		out[i] = pgtype.UUID{Bytes: id, Valid: true}
	}
	return out
}
