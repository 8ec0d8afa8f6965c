package store

import (
	"strings"
	"testing"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/order/migrations"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// A statement that is planned while the tables are small, and kept, must go by index: it will be run when they are full.
func TestPlansMadeOnSmallTablesGoByIndex(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t,
		testkit.Migration{Table: messaging.MigrationsTable, FS: messaging.Migrations},
		testkit.Migration{Table: migrations.Table, FS: migrations.FS})
	conn, err := db.Pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if _, err := conn.Exec(t.Context(), `SET plan_cache_mode = force_generic_plan`); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		`INSERT INTO products SELECT 'sku-' || n, 'Mug', 1, 'EUR' FROM generate_series(1, 20) AS n`,
		`INSERT INTO orders (order_id, customer_id, idempotency_key, fingerprint, lines, total_minor, currency,
		                     payment_method, ship_to, status, cancellation, placed_at, version)
		 SELECT gen_random_uuid(), 'alice', n, sha256('x'), '[]', 1, 'EUR', 'pm_ok', 'addr', 'placed', 'none', now(), 1
		 FROM generate_series(1, 20) AS n`,
		`ANALYZE products`, `ANALYZE orders`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		sql  string
		args int
	}{
		"lockOrders": {lockOrders, 1}, "selectRecords": {selectRecords, 2}, "selectPrices": {selectPrices, 1},
		"updateOrders": {updateOrders, 7}, "selectOrder": {selectOrder, 2}, "selectPage": {selectPage, 4},
		"selectStates": {selectStates, 1}, "selectProduct": {selectProduct, 1}, "selectProducts": {selectProducts, 2},
		"selectKeys": {selectKeys, 2},
	} {
		if _, err := conn.Exec(t.Context(), `PREPARE p AS `+c.sql); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		rows, err := conn.Query(t.Context(), `EXPLAIN EXECUTE p (`+strings.TrimSuffix(strings.Repeat("NULL,", c.args), ",")+`)`)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var plan strings.Builder
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				t.Fatal(err)
			}
			plan.WriteString(line + "\n")
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"Seq Scan", "Hash Join", "Merge Join"} {
			if strings.Contains(plan.String(), bad) {
				t.Errorf("%s: %s", name, plan.String())
			}
		}
		if !strings.Contains(plan.String(), "Index") {
			t.Errorf("%s: %s", name, plan.String())
		}
		if _, err := conn.Exec(t.Context(), `DEALLOCATE p`); err != nil {
			t.Fatal(err)
		}
	}
}
