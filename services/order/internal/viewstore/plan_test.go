package viewstore

import (
	"fmt"
	"strings"
	"testing"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/order/migrations/orderview"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// A statement that is planned while the tables are small, and kept, must go by index: it will be run when they are full.
func TestPlansMadeOnSmallTablesGoByIndex(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t,
		testkit.Migration{Table: messaging.MigrationsTable, FS: messaging.Migrations},
		testkit.Migration{Table: orderview.Table, FS: orderview.FS})
	if _, err := db.Pool.Exec(t.Context(), `ANALYZE order_view`); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		sql  string
		args int
	}{"loadLive": {loadLive, 1}, "loadFrom": {loadFrom, 2}, "selectShown": {selectShown, 2}} {
		conn, err := db.Pool.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), `PREPARE p AS `+c.sql); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		rows, err := conn.Query(t.Context(), `EXPLAIN EXECUTE p (`+strings.TrimSuffix(strings.Repeat("NULL,", c.args), ",")+`)`)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var plan string
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			plan += line + "\n"
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(plan, "Index Cond: ((order_id = ") || strings.Contains(plan, "Seq Scan on order_view") {
			t.Errorf("%s: %s", name, plan)
		}
		if _, err := conn.Exec(t.Context(), `DEALLOCATE p`); err != nil {
			t.Fatal(err)
		}
		conn.Release()
	}
}

// Each column has a place in a row, and each kind of event a column: what is written is what is read.
func TestColumnsAndTargetsFit(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t,
		testkit.Migration{Table: messaging.MigrationsTable, FS: messaging.Migrations},
		testkit.Migration{Table: orderview.Table, FS: orderview.FS})
	rows, err := db.Pool.Query(t.Context(), `
SELECT column_name::text || ' ' || replace(data_type, 'timestamp with time zone', 'timestamptz')
FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = 'order_view' AND column_name NOT IN ('generation', 'order_id')`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	stored := map[string]bool{}
	for rows.Next() {
		var column string
		if err := rows.Scan(&column); err != nil {
			t.Fatal(err)
		}
		stored[column] = true
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for _, c := range columns {
		if !stored[c+" "+typeOf(c)] {
			t.Errorf("no column %s of type %s", c, typeOf(c))
		}
	}
	if len(stored) != len(columns) {
		t.Errorf("%d columns in the table, %d known", len(stored), len(columns))
	}
	row := filled()
	if n := len(targets(row)); n != len(columns) {
		t.Fatalf("%d targets for %d columns", n, len(columns))
	}
	for i, target := range targets(row) {
		if want := map[string]string{"bigint": "*int64", "text": "*string", "timestamptz": "*viewstore.moment"}[typeOf(columns[i])]; fmt.Sprintf("%T", target) != want {
			t.Errorf("%s is kept in a %T", columns[i], target)
		}
	}
}
