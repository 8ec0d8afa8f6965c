package store_test

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/processmanager/internal/fulfilment"
	"ordersaga.internal/processmanager/internal/store"
	"ordersaga.internal/processmanager/migrations"
	"ordersaga.internal/processmanager/saga"
)

func open(t testing.TB) (*testkit.DB, *pgxpool.Pool) {
	t.Helper()
	db := testkit.Postgres(t,
		testkit.Migration{Table: messaging.MigrationsTable, FS: messaging.Migrations},
		testkit.Migration{Table: migrations.Table, FS: migrations.FS})
	pool := db.Open(t)
	if err := store.MakePartitions(t.Context(), pool, 1, 2); err != nil {
		t.Fatal(err)
	}
	return db, pool
}

func in(t testing.TB, pool *pgxpool.Pool, do func(ctx context.Context, tx pgx.Tx) error) {
	t.Helper()
	err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error { return do(t.Context(), tx) })
	if err != nil {
		t.Fatal(err)
	}
}

var now = time.Now().UTC().Truncate(time.Microsecond)

// records returns started instances, in the order of their ids.
func records(n int) []*store.Record {
	out := make([]*store.Record, n)
	for k := range out {
		order := uuid.Must(uuid.NewV7())
		out[k] = &store.Record{
			Instance: saga.Instance[any]{
				ID: order, Definition: "fulfilment", Version: 1, State: saga.Running, Sequence: 1,
				Data: fulfilment.Order{
					ID: order, CustomerID: "alice", Total: contracts.Money{AmountMinor: 5997, Currency: "EUR"},
					Lines:         []contracts.Line{{SKU: "SKU-0001", Quantity: 1}, {SKU: "SKU-0002", Quantity: 2}, {SKU: "SKU-0003", Quantity: 3}},
					PaymentMethod: "pm_ok", ShipTo: "addr_home",
				},
				Steps: []saga.Progress{{Step: "reserve stock", Outcome: saga.Open}},
				Outstanding: &saga.Outstanding{
					Command: saga.CommandID(order, "reserve stock", false), Step: "reserve stock", Attempt: 1,
					ResendAt: now.Add(10 * time.Second), Deadline: now.Add(time.Minute),
				},
			},
			Partition: int32(k % 12), PlacedAt: now, StartedAt: now, UpdatedAt: now, CustomerID: "alice", Transitions: 1,
			Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
		}
	}
	slices.SortFunc(out, func(a, b *store.Record) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return out
}

func ids(records []*store.Record) []uuid.UUID {
	out := make([]uuid.UUID, len(records))
	for k, r := range records {
		out[k] = r.ID
	}
	return out
}

func entries(records []*store.Record, input string) []*store.Entry {
	out := make([]*store.Entry, len(records))
	for k, r := range records {
		out[k] = &store.Entry{
			OrderID: r.ID, InputID: uuid.New(), Transition: r.Transitions, At: r.UpdatedAt, Topic: "order.events", Offset: int64(k),
			Input: input, Note: saga.Note{Effect: saga.Applied, Text: "reserve stock succeeded; authorize payment begun", To: r.State},
			Commands: []store.Sent{{Type: "AuthorizePayment.v1", Attempt: 1}}, TraceID: "0af7651916cd43dd8448eb211c80319c",
		}
	}
	return out
}
