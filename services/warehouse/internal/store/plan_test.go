package store

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/warehouse/migrations"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// A plan is made while the tables are fresh, and kept: it must reach rows by key, from what the batch names.
func TestPlansMadeOnFreshTablesGoByKey(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t, testkit.Migration{Table: migrations.Table, FS: migrations.FS})
	conn, err := db.Pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	for name, c := range map[string]struct {
		sql  string
		args int
	}{
		"holds": {holdsSQL, 1}, "levels": {levelsSQL, 1}, "changes": {changesSQL, 2},
		"updateLevels": {updateLevelsSQL, 7}, "level": {levelSQL, 1}, "page": {pageSQL, 2},
	} {
		plan := explain(t, conn.Conn(), c.sql, c.args)
		if !strings.Contains(plan, "Index Cond") || strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "Join Filter") {
			t.Errorf("%s:\n%s", name, plan)
		}
	}
}

func explain(t *testing.T, conn *pgx.Conn, sql string, args int) string {
	t.Helper()
	if _, err := conn.Exec(t.Context(), `PREPARE p AS `+sql); err != nil {
		t.Fatal(err)
	}
	nulls := strings.TrimSuffix(strings.Repeat("NULL,", args), ",")
	rows, err := conn.Query(t.Context(), `EXPLAIN EXECUTE p (`+nulls+`)`)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `DEALLOCATE p`); err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}
