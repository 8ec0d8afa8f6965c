package store

import (
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"ordersaga.internal/services/order/internal/ordering"
)

// orderRow is what a row of orders is scanned into.
type orderRow struct {
	id               pgtype.UUID
	lines            []byte
	placed, finished pgtype.Timestamptz
	order            ordering.Order
}

// targets are those of orderColumns.
func (r *orderRow) targets() []any {
	o := &r.order
	return append([]any{
		&r.id, &o.Customer, &r.lines, &o.Total.AmountMinor, &o.Total.Currency, &o.PaymentMethod, &o.ShipTo, &r.placed,
	}, r.stateTargets()...)
}

func (r *orderRow) stateTargets() []any {
	s := &r.order.State
	return []any{&s.Status, &s.Cancellation, &s.Step, &s.Reason, &r.finished, &s.Version}
}

func (r *orderRow) value() (ordering.Order, error) {
	o := r.order
	o.ID, o.PlacedAt, o.Lines, o.State = r.id.Bytes, r.placed.Time.UTC(), nil, r.state()
	if err := json.Unmarshal(r.lines, &o.Lines); err != nil {
		return o, fmt.Errorf("lines of %s: %w", o.ID, err)
	}
	return o, nil
}

func (r *orderRow) state() ordering.State {
	s := r.order.State
	if r.finished.Valid {
		s.FinishedAt = r.finished.Time.UTC()
	}
	return s
}

func scanEntries(rows pgx.Rows, book *ordering.Book) error {
	var r orderRow
	_, err := pgx.ForEachRow(rows, append([]any{&r.id, &r.order.Customer}, r.stateTargets()...), func() error {
		book.AddOrder(r.id.Bytes, r.order.Customer, r.state())
		return nil
	})
	return err
}

func scanRecords(rows pgx.Rows, book *ordering.Book) error {
	var r orderRow
	var key string
	var fingerprint []byte
	_, err := pgx.ForEachRow(rows, append(r.targets(), &key, &fingerprint), func() error {
		o, err := r.value()
		if err != nil {
			return err
		}
		record := ordering.Record{Order: o}
		copy(record.Fingerprint[:], fingerprint)
		book.AddRecord(ordering.Key{Customer: o.Customer, Key: key}, record)
		return nil
	})
	return err
}

func scanOrders(rows pgx.Rows) ([]ordering.Order, error) {
	var r orderRow
	var orders []ordering.Order
	_, err := pgx.ForEachRow(rows, r.targets(), func() error {
		o, err := r.value()
		orders = append(orders, o)
		return err
	})
	return orders, err
}

func scanStates(rows pgx.Rows, each func(uuid.UUID, ordering.State)) error {
	var r orderRow
	_, err := pgx.ForEachRow(rows, append([]any{&r.id}, r.stateTargets()...), func() error {
		each(r.id.Bytes, r.state())
		return nil
	})
	return err
}

func scanProducts(rows pgx.Rows, each func(ordering.Product)) error {
	var p ordering.Product
	_, err := pgx.ForEachRow(rows, []any{&p.SKU, &p.Name, &p.UnitPrice.AmountMinor, &p.UnitPrice.Currency}, func() error {
		each(p)
		return nil
	})
	return err
}
