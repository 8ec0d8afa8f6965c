// Package points gives customers a point for every hundred minor units of goods in an order that completed. It listens to what
// the order service says and to nobody else; it sends nothing, and the saga does not know that it is there.
package points

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/messaging"
)

// Service is the consumer group.
const Service = "loyalty"

// Topics are what it listens to.
func Topics() []string { return []string{contracts.OrderEvents} }

// Handler is a messaging.Handler. The zero value is ready.
type Handler struct{}

// Batch is the orders that one transaction touches.
type Batch map[uuid.UUID]*order

type order struct {
	OrderID    uuid.UUID `json:"order_id"`
	CustomerID string    `json:"customer_id"`
	Points     int64     `json:"points"`
	Earned     bool      `json:"earned"`
	changed    bool
}

// Load locks the orders.
func (Handler) Load(ctx context.Context, tx pgx.Tx, in []messaging.Message) (Batch, error) {
	rows, err := tx.Query(ctx, `SELECT order_id, customer_id, points, earned FROM points
		WHERE order_id = ANY ($1) ORDER BY order_id FOR UPDATE`, messaging.Subjects(in))
	if err != nil {
		return nil, fmt.Errorf("load points: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToAddrOfStructByPos[order])
	if err != nil {
		return nil, fmt.Errorf("load points: %w", err)
	}
	b := make(Batch, len(found))
	for _, o := range found {
		b[o.OrderID] = o
	}
	return b, nil
}

// Decide is pure. First appearances are in order: nothing completes that was not placed, and what comes again finds it done.
func (Handler) Decide(b Batch, in messaging.Message, _ time.Time) ([]messaging.Message, error) {
	o := b[in.Subject]
	switch e := in.Body.(type) {
	case contracts.OrderPlacedV2:
		if o == nil {
			b[in.Subject] = &order{OrderID: e.OrderID, CustomerID: e.CustomerID, Points: e.Price.Goods.AmountMinor / 100, changed: true}
		}
	case contracts.OrderCompleted:
		if o == nil {
			return nil, fmt.Errorf("order %s completed and was never placed", in.Subject)
		}
		o.changed = o.changed || !o.Earned
		o.Earned = true
	}
	return nil, nil // whatever else happens to an order earns nothing
}

// Save writes what changed.
func (Handler) Save(ctx context.Context, tx pgx.Tx, b Batch) error {
	var changed []*order
	for _, o := range b {
		if o.changed {
			changed = append(changed, o)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `INSERT INTO points SELECT * FROM jsonb_populate_recordset(NULL::points, $1)
		ON CONFLICT (order_id) DO UPDATE SET earned = true WHERE excluded.earned`, changed)
	if err != nil {
		return fmt.Errorf("save points: %w", err)
	}
	return nil
}

// Committed does nothing.
func (Handler) Committed(Batch) {}
