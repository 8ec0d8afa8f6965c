package store_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"ordersaga.internal/infra/postgres"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/processmanager/internal/store"
	"ordersaga.internal/processmanager/migrations"
)

func lowest(t time.Time) (id uuid.UUID) {
	ms := t.UnixMilli()
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	return id
}

func TestMonthsAreKept(t *testing.T) {
	t.Parallel()
	db, pool := open(t)
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	want := store.Range{From: lowest(month.AddDate(0, -1, 0)), To: lowest(month.AddDate(0, 3, 0))}
	for range 2 { // the second call finds everything made
		if err := store.MakePartitions(t.Context(), pool, 1, 2); err != nil {
			t.Fatal(err)
		}
		if kept, err := store.Kept(t.Context(), pool); err != nil || kept != want {
			t.Fatalf("kept %v, %v, want %v", kept, err, want)
		}
	}
	detach := `ALTER TABLE instance DETACH PARTITION ` + month.AddDate(0, -1, 0).Format("instance_2006_01")
	if _, err := db.Pool.Exec(t.Context(), detach); err != nil {
		t.Fatal(err)
	}
	if err := store.MakePartitions(t.Context(), pool, 1, 2); err != nil {
		t.Fatal(err)
	}
	want.From = lowest(month)
	if kept, err := store.Kept(t.Context(), pool); err != nil || kept != want {
		t.Errorf("after detaching: kept %v, %v, want %v", kept, err, want)
	}
}

// The run role makes partitions, but can neither change the schema nor lead the owner's function to tables of its own.
func TestRunRoleMakesPartitionsOnly(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	role := "run_" + db.Schema
	exec := func(sql string) {
		t.Helper()
		if _, err := db.Pool.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	exec(`CREATE ROLE ` + role + ` LOGIN`)
	if _, err := postgres.Migrate(t.Context(), db.URL, role, migrations.Table, migrations.FS); err != nil {
		t.Fatal(err)
	}
	conn, err := db.Pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	as := func(sql string) error {
		_, err := conn.Exec(t.Context(), sql)
		return err
	}
	if err := as(`SET ROLE ` + role); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		`CREATE TEMP TABLE instance (order_id uuid) `, // somebody's trap
		`SELECT make_partitions(1, 2)`, `SELECT make_partitions(1, 3)`, `DROP TABLE pg_temp.instance`,
		`SELECT * FROM partition_bounds`, `SELECT * FROM instance`, `SELECT * FROM history`,
	} {
		if err := as(sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	for _, sql := range []string{
		`DROP TABLE history`, `ALTER TABLE instance ADD COLUMN x int`, `CREATE TABLE x (y int)`, `SELECT make_partitions(1000, 2)`,
	} {
		if err := as(sql); err == nil {
			t.Errorf("the run role may %s", sql)
		}
	}
	if err := as(`RESET ROLE; DROP OWNED BY ` + role + `; DROP ROLE ` + role); err != nil {
		t.Error(err)
	}
	var months int
	if err := db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM partition_bounds`).Scan(&months); err != nil || months != 10 {
		t.Errorf("%d partitions, %v", months, err)
	}
}
