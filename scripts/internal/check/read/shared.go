package read

import (
	"context"

	"github.com/jackc/pgx/v5/pgtype"

	"ordersaga.internal/scripts/internal/check"
)

// Shared implements check.Source.
func (l *Live) Shared(ctx context.Context) (*check.Shared, error) {
	s := &check.Shared{}
	warehouse := l.databases["warehouse"]
	var r check.StockRow
	err := warehouse.each(ctx, `SELECT sku, received, on_hand, reserved, dispatched, written_off, damaged FROM stock ORDER BY sku`, nil,
		[]any{&r.SKU, &r.Received, &r.OnHand, &r.Reserved, &r.Dispatched, &r.WrittenOff, &r.Damaged}, func() error {
			s.Stock = append(s.Stock, r)
			return nil
		})
	if err != nil {
		return nil, err
	}
	var c check.ChangeRow
	err = warehouse.each(ctx, `SELECT kind, sku, quantity, at FROM changes ORDER BY at, operator, key`, nil,
		[]any{&c.Kind, &c.SKU, &c.Quantity, &c.At}, func() error {
			s.Changes = append(s.Changes, c)
			return nil
		})
	if err != nil {
		return nil, err
	}
	var p check.ProductRow
	err = l.databases["orders"].each(ctx, `SELECT sku, price_minor, currency FROM products ORDER BY sku`, nil,
		[]any{&p.SKU, &p.Price.Minor, &p.Price.Currency}, func() error {
			s.Products = append(s.Products, p)
			return nil
		})
	if err != nil {
		return nil, err
	}
	err = l.databases["orders"].each(ctx, `SELECT (SELECT count(*) FROM orders WHERE status = 'placed'), (SELECT coalesce(sum(n), 0)::bigint FROM orders_unfinished)`,
		nil, []any{&s.Unfinished, &s.Counted}, func() error { return nil })
	if err != nil {
		return nil, err
	}
	var step string
	err = l.databases["processmanager"].each(ctx, `SELECT step FROM deadline_storm WHERE ended_at IS NULL`, nil, []any{&step}, func() error {
		s.Storms = append(s.Storms, step)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"orders", "payments", "warehouse", "processmanager"} {
		if err := l.databases[name].letters(ctx, s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// letters reads the dead letters, of which there are few.
func (d *database) letters(ctx context.Context, s *check.Shared) error {
	var x check.Letter
	var subject pgtype.UUID
	err := d.each(ctx, `SELECT "group", subject, topic, partition, "offset", reason, type, attempt, dead_at FROM dead_letters ORDER BY id`, nil,
		[]any{&x.Group, &subject, &x.Topic, &x.Partition, &x.Offset, &x.Reason, &x.Type, &x.Attempt, &x.DeadAt}, func() error {
			own := x
			own.Subject = nullable(subject)
			s.Letters = append(s.Letters, own)
			return nil
		})
	if err != nil {
		return err
	}
	var h check.Head
	return d.each(ctx, `SELECT "group", subject FROM dead_letter_heads ORDER BY "group", subject`, nil,
		[]any{&h.Group, (*[16]byte)(&h.Subject)}, func() error {
			s.Heads = append(s.Heads, h)
			return nil
		})
}
