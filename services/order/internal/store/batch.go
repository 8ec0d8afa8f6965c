package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"ordersaga.internal/services/order/internal/ordering"
)

// Wanted is what a batch needs to know.
type Wanted struct {
	Orders []uuid.UUID // to change; locked, sorted by Load
	Keys   []ordering.Key
	SKUs   []string
}

// Load reads what is wanted and locks the orders, in one round trip.
func Load(ctx context.Context, tx pgx.Tx, w Wanted) (*ordering.Book, error) {
	catalogue := make(ordering.Catalogue, len(w.SKUs))
	book := ordering.NewBook(catalogue)
	batch := &pgx.Batch{}
	if len(w.Orders) > 0 {
		batch.Queue(lockOrders, toPGs(w.Orders)).Query(func(rows pgx.Rows) error { return scanEntries(rows, book) })
	}
	if len(w.Keys) > 0 {
		customers, keys := splitKeys(w.Keys)
		batch.Queue(selectRecords, customers, keys).Query(func(rows pgx.Rows) error { return scanRecords(rows, book) })
	}
	if len(w.SKUs) > 0 {
		batch.Queue(selectPrices, w.SKUs).Query(func(rows pgx.Rows) error {
			return scanProducts(rows, func(p ordering.Product) { catalogue[p.SKU] = p })
		})
	}
	if batch.Len() == 0 {
		return book, nil
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("load orders and prices: %w", err)
	}
	return book, nil
}

// Save stores the new orders and the changed ones, a statement each, in one round trip. Errors: a unique violation where
// another transaction took the key of a new order first; the whole batch must be tried again.
func Save(ctx context.Context, tx pgx.Tx, book *ordering.Book) error {
	batch := &pgx.Batch{}
	if fresh := book.Fresh(); len(fresh) > 0 {
		args, err := insertArgs(fresh)
		if err != nil {
			return err
		}
		batch.Queue(insertOrders, args...).Exec(affects(len(fresh)))
	}
	if changed := book.Changed(); len(changed) > 0 {
		batch.Queue(updateOrders, updateArgs(changed)...).Exec(affects(len(changed)))
	}
	if batch.Len() == 0 {
		return nil
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("save orders: %w", err)
	}
	return nil
}

// splitKeys are a column each.
func splitKeys(all []ordering.Key) (customers, keys []string) {
	customers, keys = make([]string, len(all)), make([]string, len(all))
	for i, k := range all {
		customers[i], keys[i] = k.Customer, k.Key
	}
	return customers, keys
}

var errRows = errors.New("not every row was written")

func affects(want int) func(pgconn.CommandTag) error {
	return func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() != int64(want) {
			return fmt.Errorf("%w: %d of %d", errRows, tag.RowsAffected(), want)
		}
		return nil
	}
}

// insertArgs are a column each, sorted by key: two transactions with the same keys wait for each other instead of
// deadlocking.
func insertArgs(fresh []*ordering.Placement) ([]any, error) {
	fresh = slices.SortedFunc(slices.Values(fresh), func(a, b *ordering.Placement) int {
		return cmp.Or(cmp.Compare(a.Key.Customer, b.Key.Customer), cmp.Compare(a.Key.Key, b.Key.Key))
	})
	n := len(fresh)
	var (
		ids                   = make([]pgtype.UUID, n)
		customers, keys       = make([]string, n), make([]string, n)
		fingerprints          = make([][]byte, n)
		lines, currencies     = make([]string, n), make([]string, n)
		totals                = make([]int64, n)
		methods, destinations = make([]string, n), make([]string, n)
		times                 = make([]time.Time, n)
	)
	for i, p := range fresh {
		o := &p.Order
		data, err := json.Marshal(o.Lines)
		if err != nil {
			return nil, fmt.Errorf("encode lines: %w", err)
		}
		ids[i], customers[i], keys[i], fingerprints[i] = toPG(o.ID), o.Customer, p.Key.Key, p.Fingerprint[:]
		lines[i], totals[i], currencies[i] = string(data), o.Total.AmountMinor, o.Total.Currency
		methods[i], destinations[i], times[i] = o.PaymentMethod, o.ShipTo, o.PlacedAt
	}
	return []any{ids, customers, keys, fingerprints, lines, totals, currencies, methods, destinations, times}, nil
}

func updateArgs(changed []*ordering.Entry) []any {
	n := len(changed)
	var (
		ids                     = make([]pgtype.UUID, n)
		statuses, cancellations = make([]string, n), make([]string, n)
		steps, reasons          = make([]string, n), make([]string, n)
		finished                = make([]pgtype.Timestamptz, n)
		versions                = make([]int64, n)
	)
	for i, e := range changed {
		ids[i], statuses[i], cancellations[i] = toPG(e.ID), string(e.Status), string(e.Cancellation)
		steps[i], reasons[i], versions[i] = e.Step, string(e.Reason), e.Version
		finished[i] = pgtype.Timestamptz{Time: e.FinishedAt, Valid: !e.FinishedAt.IsZero()}
	}
	return []any{ids, statuses, cancellations, steps, reasons, finished, versions}
}

// toPG spares pgx the reflection that it needs for uuid.UUID.
func toPG(id uuid.UUID) pgtype.UUID { return pgtype.UUID{Bytes: id, Valid: true} }

func toPGs(ids []uuid.UUID) []pgtype.UUID {
	out := make([]pgtype.UUID, len(ids))
	for i, id := range ids {
		out[i] = toPG(id)
	}
	slices.SortFunc(out, func(a, b pgtype.UUID) int { return bytes.Compare(a.Bytes[:], b.Bytes[:]) })
	return out
}
