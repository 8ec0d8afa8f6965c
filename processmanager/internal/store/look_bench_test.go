package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ordersaga.internal/processmanager/internal/fulfilment"
	"ordersaga.internal/processmanager/internal/store"
	"ordersaga.internal/processmanager/saga"
)

const benchInFlight = 100_000

// BenchmarkLook reads 100,000 instances in flight of one owner: what a look at its deadlines costs.
func BenchmarkLook(b *testing.B) {
	benchInFlightOrders(b, func(ctx context.Context, tx pgx.Tx, s *store.Store) error {
		_, err := s.Earliest(ctx, tx, []int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})
		return err
	})
}

// BenchmarkCountWaiting counts as many: what the guard costs where a deadline passed.
func BenchmarkCountWaiting(b *testing.B) {
	benchInFlightOrders(b, func(ctx context.Context, tx pgx.Tx, _ *store.Store) error {
		_, err := store.CountWaiting(ctx, tx, []string{"reserve stock"}, now, now)
		return err
	})
}

// BenchmarkCountAnswered looks for who had an answer where nobody had: what finding a storm costs beside that.
func BenchmarkCountAnswered(b *testing.B) {
	benchInFlightOrders(b, func(ctx context.Context, tx pgx.Tx, _ *store.Store) error {
		_, err := store.CountAnswered(ctx, tx, "reserve stock", now.Add(-time.Hour), 1000)
		return err
	})
}

func benchInFlightOrders(b *testing.B, do func(ctx context.Context, tx pgx.Tx, s *store.Store) error) {
	b.Helper()
	_, pool := open(b)
	s := store.New(saga.NewSet(fulfilment.V1), 0)
	for range benchInFlight / 2000 {
		batch := records(2000)
		in(b, pool, func(ctx context.Context, tx pgx.Tx) error { return s.Save(ctx, tx, batch, nil, nil) })
	}
	if _, err := pool.Exec(b.Context(), `ANALYZE instance`); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		in(b, pool, func(ctx context.Context, tx pgx.Tx) error { return do(ctx, tx, s) })
	}
}
