package viewstore

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/services/order/internal/view"
)

const (
	// patience is how long a request waits for the read model before it is answered without.
	patience = 500 * time.Millisecond
	// rest is how long nobody asks after the read model did not answer.
	rest = time.Second
)

// Reader reads the read model for those who can do without it.
type Reader struct {
	pool   *pgxpool.Pool
	log    *slog.Logger
	missed prometheus.Counter
	again  atomic.Int64 // Unix nanoseconds before which nobody asks
}

// NewReader returns a reader on a pool of the read model's database. Nil pool: there is no read model.
func NewReader(pool *pgxpool.Pool, log *slog.Logger, reg prometheus.Registerer) (*Reader, error) {
	r := &Reader{pool: pool, log: log, missed: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "orderview_missed_total", Help: "Looks at the read model that had no answer: orders were shown without it.",
	})}
	if err := reg.Register(r.missed); err != nil {
		return nil, fmt.Errorf("read model metrics: %w", err)
	}
	return r, nil
}

// Look returns what the read model shows of the orders. answered is false where it could not be asked.
func (r *Reader) Look(ctx context.Context, orders ...uuid.UUID) (seen map[uuid.UUID]view.Sight, answered bool) {
	if r.pool == nil || len(orders) == 0 || time.Now().UnixNano() < r.again.Load() {
		return nil, false
	}
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	seen, err := r.look(asking, orders)
	if err == nil {
		return seen, true
	}
	if ctx.Err() == nil { // it is not the customer who went away
		r.missed.Inc()
		r.again.Store(time.Now().Add(rest).UnixNano())
		r.log.WarnContext(ctx, "the read model does not answer; orders are shown without it", "error", err)
	}
	return nil, false
}

// Sights calls each with what the read model shows, for package watch.
func (r *Reader) Sights(ctx context.Context, orders []uuid.UUID, each func(uuid.UUID, view.Sight)) error {
	seen, _ := r.Look(ctx, orders...)
	for id, s := range seen {
		each(id, s)
	}
	return nil
}

func (r *Reader) look(ctx context.Context, orders []uuid.UUID) (map[uuid.UUID]view.Sight, error) {
	partitions := make([]int32, len(orders))
	for i, id := range orders {
		partitions[i] = kafka.Partition([]byte(id.String()), contracts.Partitions)
	}
	rows, err := r.pool.Query(ctx, selectShown, ids(orders), partitions)
	if err != nil {
		return nil, err
	}
	seen := make(map[uuid.UUID]view.Sight, len(orders))
	var id pgtype.UUID
	var asOf pgtype.Timestamptz
	var row view.Row
	_, err = pgx.ForEachRow(rows, append(append([]any{&id}, targets(&row)...), &asOf), func() error {
		row.ID = id.Bytes
		seen[row.ID] = view.Sight{Row: row, AsOf: asOf.Time}
		return nil
	})
	return seen, err
}
