package postgres_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/postgres"
	"ordersaga.internal/infra/testkit"
)

// contracting is n migrations of which the last one contracts.
func contracting(n int, line string) fstest.MapFS {
	out := migrations(n - 1)
	out["migrations/9999_contract.sql"] = &fstest.MapFile{Data: []byte(line + "\n-- +goose Up\nDROP TABLE t1;\n")}
	return out
}

func migrate(t *testing.T, db *testkit.DB, fsys fstest.MapFS) (ahead bool) {
	t.Helper()
	ahead, err := postgres.Migrate(t.Context(), db.URL, "", table, fsys)
	require.NoError(t, err)
	return ahead
}

func TestAnExpandedSchemaTakesOlderPrograms(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	require.ErrorIs(t, postgres.CheckMigrated(t.Context(), db.Pool, table, migrations(1)), postgres.ErrNotMigrated)
	require.False(t, migrate(t, db, migrations(2)))
	for n := 1; n <= 2; n++ {
		require.NoError(t, postgres.CheckMigrated(t.Context(), db.Pool, table, migrations(n)))
	}
	require.ErrorIs(t, postgres.CheckMigrated(t.Context(), db.Pool, table, migrations(3)), postgres.ErrNotMigrated)

	require.True(t, migrate(t, db, migrations(1)), "the older program is told that there is nothing for it to do")
	require.False(t, migrate(t, db, migrations(2)))
	require.NoError(t, postgres.CheckMigrated(t.Context(), db.Pool, table, migrations(2)), "and did nothing")
}

func TestAContractedSchemaRefusesProgramsThatDoNotKnowEnough(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	require.False(t, migrate(t, db, migrations(2)))
	require.False(t, migrate(t, db, contracting(4, "-- +schema contracts 2")))
	require.NoError(t, postgres.CheckMigrated(t.Context(), db.Pool, table, migrations(2)))
	require.NoError(t, postgres.CheckMigrated(t.Context(), db.Pool, table, contracting(4, "-- +schema contracts 2")))
	require.True(t, migrate(t, db, migrations(2)))

	const why = "the schema is too new for this program: goose_test is at 9999 and takes programs that know 2; this one knows 1"
	err := postgres.CheckMigrated(t.Context(), db.Pool, table, migrations(1))
	require.ErrorIs(t, err, postgres.ErrNewerSchema)
	require.EqualError(t, err, why)
	_, err = postgres.Migrate(t.Context(), db.URL, "", table, migrations(1))
	require.ErrorIs(t, err, postgres.ErrNewerSchema)
	require.EqualError(t, err, "migrate goose_test: "+why)
}

// Whoever starts while the schema is being contracted, or after that failed half way, is refused already.
func TestTheFloorRisesBeforeAnythingIsContracted(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	broken := contracting(3, "-- +schema contracts 2")
	broken["migrations/9999_contract.sql"].Data = []byte("-- +schema contracts 3\n-- +goose Up\nDROP TABLE nothing;\n")
	broken["migrations/0003_t.sql"] = migrations(3)["migrations/0003_t.sql"]
	_, err := postgres.Migrate(t.Context(), db.URL, "", table, broken)
	require.ErrorContains(t, err, "nothing")
	require.ErrorIs(t, postgres.CheckMigrated(t.Context(), db.Pool, table, migrations(2)), postgres.ErrNewerSchema)
	require.NoError(t, postgres.CheckMigrated(t.Context(), db.Pool, table, migrations(3)))
}

// A schema that was migrated before floors were recorded, by a later program, takes nobody else.
func TestWithoutAFloorANewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	require.False(t, migrate(t, db, migrations(2)))
	for _, sql := range []string{`DELETE FROM schema_floor`, `DROP TABLE schema_floor`} {
		_, err := db.Pool.Exec(t.Context(), sql)
		require.NoError(t, err)
		require.ErrorIs(t, postgres.CheckMigrated(t.Context(), db.Pool, table, migrations(1)), postgres.ErrNewerSchema, sql)
		require.NoError(t, postgres.CheckMigrated(t.Context(), db.Pool, table, migrations(2)), sql)
	}
}

func TestTwoVersionTablesHaveAFloorEach(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	require.False(t, migrate(t, db, contracting(3, "-- +schema contracts 2")))
	other := fstest.MapFS{}
	for n, sql := range map[string]string{"0001_a.sql": "CREATE TABLE a ();", "0002_b.sql": "CREATE TABLE b ();"} {
		other[n] = &fstest.MapFile{Data: []byte("-- +schema expands\n-- +goose Up\n" + sql + "\n")}
	}
	_, err := postgres.Migrate(t.Context(), db.URL, "", "goose_other", other)
	require.NoError(t, err)
	delete(other, "0002_b.sql")
	require.NoError(t, postgres.CheckMigrated(t.Context(), db.Pool, "goose_other", other))
	require.ErrorIs(t, postgres.CheckMigrated(t.Context(), db.Pool, table, migrations(1)), postgres.ErrNewerSchema)
}

func TestEveryMigrationSaysWhatBecomesOfOlderPrograms(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	for line, want := range map[string]string{
		"":                            "migration 9999_contract.sql: say once",
		"-- schema expands":           "say once",
		"-- +schema expands, I think": "say once",
		"-- +schema contracts":        "say once",
		"-- +schema contracts 0":      "1 to 9999",
		"-- +schema contracts 10000":  "1 to 9999",
		"-- +schema contracts 1" + "0" + strings.Repeat("0", 20): "1 to 9999",
		"-- +schema expands\n-- +schema contracts 2":             "say once",
	} {
		_, err := postgres.Migrate(t.Context(), db.URL, "", table, contracting(3, line))
		require.ErrorContains(t, err, want, line)
		require.ErrorContains(t, postgres.CheckMigrated(t.Context(), db.Pool, table, contracting(3, line)), want, line)
	}
	var exists bool
	require.NoError(t, db.Pool.QueryRow(t.Context(), `SELECT to_regclass('t1') IS NOT NULL`).Scan(&exists))
	require.False(t, exists, "nothing was migrated")
}
