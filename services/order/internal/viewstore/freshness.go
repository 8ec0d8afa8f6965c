package viewstore

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

// Refresh notes that everything which was in the log of a partition at its time is in the read model.
func Refresh(ctx context.Context, db Querier, until map[int32]time.Time) error {
	partitions, times := make([]int32, 0, len(until)), make([]pgtype.Timestamptz, 0, len(until))
	for partition, at := range until {
		partitions, times = append(partitions, partition), append(times, pgtype.Timestamptz{Time: at, Valid: true})
	}
	if _, err := db.Exec(ctx, upsertFreshness, partitions, times); err != nil {
		return fmt.Errorf("note freshness: %w", err)
	}
	return nil
}

// Lag measures how far the read model is behind the log.
type Lag struct {
	pool  *pgxpool.Pool
	known atomic.Int64 // nanoseconds
}

// lagEvery is how often the lag is measured.
const lagEvery = time.Second

// NewLag registers orderview_lag_seconds with reg.
func NewLag(pool *pgxpool.Pool, reg prometheus.Registerer) (*Lag, error) {
	l := &Lag{pool: pool}
	err := reg.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "orderview_lag_seconds", Help: "Age of the oldest partition of the read model: all that was logged before is in it.",
	}, func() float64 { return time.Duration(l.known.Load()).Seconds() }))
	if err != nil {
		return nil, fmt.Errorf("read model metrics: %w", err)
	}
	return l, nil
}

// Run measures until ctx ends. While the database is away the lag grows.
func (l *Lag) Run(ctx context.Context, log *slog.Logger) error {
	tick := time.NewTicker(lagEvery)
	defer tick.Stop()
	for {
		if err := l.measure(ctx); err != nil && ctx.Err() == nil {
			l.known.Add(int64(lagEvery))
			log.WarnContext(ctx, "cannot measure the read model's lag", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (l *Lag) measure(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lagEvery)
	defer cancel()
	var seconds float64
	if err := l.pool.QueryRow(ctx, selectLag).Scan(&seconds); err != nil {
		return err
	}
	l.known.Store(int64(seconds * float64(time.Second)))
	return nil
}
