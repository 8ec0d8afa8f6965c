package overload

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Stored compares what the order service keeps with what it answered: it returns how many refused orders are stored, how many
// stored orders nobody was told of, and how many accepted ones are missing.
func Stored(ctx context.Context, url string, answers []Answer) (refused, untold, missing int, err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, 0, 0, fmt.Errorf("look at the stored orders: %w", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // read only
	rows, err := conn.Query(ctx, `SELECT order_id, idempotency_key FROM orders`)
	if err != nil {
		return 0, 0, 0, fmt.Errorf("look at the stored orders: %w", err)
	}
	stored := map[string]uuid.UUID{}
	var id uuid.UUID
	var key string
	if _, err = pgx.ForEachRow(rows, []any{&id, &key}, func() error { stored[key] = id; return nil }); err != nil {
		return 0, 0, 0, fmt.Errorf("look at the stored orders: %w", err)
	}
	for i := range answers {
		a := &answers[i]
		if a.Kind != Place {
			continue
		}
		id, is := stored[a.Key]
		delete(stored, a.Key)
		switch {
		case is && a.Outcome == Shed:
			refused++
		case a.Outcome == Done && id != a.Order:
			missing++
		}
	}
	return refused, len(stored), missing, nil
}
