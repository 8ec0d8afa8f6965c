package verify

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ordersaga.internal/scripts/internal/stack"
)

// checkStock checks I2 in the warehouse's database and returns what became of each order's goods: "held", "released",
// "dispatched"; absent where it never held any.
func checkStock(ctx context.Context, s *stack.Stack, f *findings) (map[uuid.UUID]string, error) {
	conn, err := connect(ctx, s, "warehouse")
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx) //nolint:errcheck // read only
	rows, err := conn.Query(ctx, `
		WITH held AS (
			SELECT l.sku, sum(l.quantity) FILTER (WHERE state = 'held') AS held, sum(l.quantity) FILTER (WHERE state = 'dispatched') AS gone
			FROM holds, jsonb_to_recordset(lines) AS l(sku text, quantity bigint) GROUP BY l.sku)
		SELECT sku, received, on_hand, reserved, dispatched, written_off, coalesce(held, 0)::bigint, coalesce(gone, 0)::bigint
		FROM stock LEFT JOIN held USING (sku)
		WHERE received <> on_hand + reserved + dispatched + written_off OR least(on_hand, reserved, dispatched, written_off) < 0
		   OR reserved <> coalesce(held, 0) OR dispatched <> coalesce(gone, 0)`)
	if err != nil {
		return nil, fmt.Errorf("check the stock: %w", err)
	}
	var sku string
	var received, onHand, reserved, dispatched, writtenOff, held, gone int64
	_, err = pgx.ForEachRow(rows, []any{&sku, &received, &onHand, &reserved, &dispatched, &writtenOff, &held, &gone}, func() error {
		f.add("I2", "%s: received %d, on hand %d, reserved %d (orders hold %d), dispatched %d (orders took %d), written off %d",
			sku, received, onHand, reserved, held, dispatched, gone, writtenOff)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("check the stock: %w", err)
	}
	rows, err = conn.Query(ctx, "SELECT order_id, state FROM holds")
	if err != nil {
		return nil, fmt.Errorf("read the holds: %w", err)
	}
	parcels := map[uuid.UUID]string{}
	var id uuid.UUID
	var state string
	_, err = pgx.ForEachRow(rows, []any{&id, &state}, func() error {
		parcels[id] = state
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the holds: %w", err)
	}
	return parcels, nil
}
