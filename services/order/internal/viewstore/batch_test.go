package viewstore

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/order/internal/view"
	"ordersaga.internal/services/order/migrations/orderview"
)

// filled is a row in which no two columns are the same.
func filled() *view.Row {
	r := &view.Row{ID: uuid.MustParse("0199b1de-7c1e-7aaa-8bbb-0123456789ab")}
	for i, target := range targets(r) {
		switch v := target.(type) {
		case *int64:
			*v = int64(1000 + i)
		case *string:
			*v = fmt.Sprint("text ", i)
		case *moment:
			*v = moment(time.Date(2026, 10, 5, 12, 0, i, 123456000, time.UTC))
		}
	}
	return r
}

func TestARowIsReadAsItWasSaved(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t,
		testkit.Migration{Table: messaging.MigrationsTable, FS: messaging.Migrations},
		testkit.Migration{Table: orderview.Table, FS: orderview.FS})
	want := filled()
	for _, row := range []*view.Row{{ID: want.ID}, want} { // inserted, then updated
		if _, err := db.Pool.Exec(t.Context(), upsertRows, append([]any{int32(1)}, arrays([]*view.Row{row})...)...); err != nil {
			t.Fatal(err)
		}
		book, err := LoadFrom(t.Context(), db.Pool, 1, []uuid.UUID{want.ID})
		if err != nil {
			t.Fatal(err)
		}
		if got := book.Row(want.ID); got == nil || *got != *row {
			t.Fatalf("got  %+v\nwant %+v", got, row)
		}
	}
}
