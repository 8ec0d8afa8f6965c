package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/postgres"
	"ordersaga.internal/infra/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const table = "goose_test"

func migrations(n int) fstest.MapFS {
	out := fstest.MapFS{}
	for i := 1; i <= n; i++ {
		sql := fmt.Sprintf("-- +schema expands\n-- +goose Up\nCREATE TABLE t%d (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text);\n", i)
		out[fmt.Sprintf("migrations/%04d_t.sql", i)] = &fstest.MapFile{Data: []byte(sql)}
	}
	return out
}

func TestMigrateTwiceAndTogether(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if _, err := postgres.Migrate(t.Context(), db.URL, "", table, migrations(3)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.NoError(t, postgres.CheckMigrated(t.Context(), db.Pool, table, migrations(3)))
}

func TestTheRunRoleReadsAndWritesOnly(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	role := db.Schema + "_run"
	exec := func(sql string) {
		t.Helper()
		_, err := db.Pool.Exec(context.WithoutCancel(t.Context()), sql)
		require.NoError(t, err)
	}
	exec(`CREATE ROLE ` + role + ` LOGIN`)
	for n := 1; n <= 2; n++ {
		ahead, err := postgres.Migrate(t.Context(), db.URL, role, table, migrations(n))
		require.NoError(t, err)
		require.False(t, ahead)
	}

	c, err := pgx.ParseConfig(db.URL)
	require.NoError(t, err)
	c.User = role
	conn, err := pgx.ConnectConfig(t.Context(), c)
	require.NoError(t, err)
	for _, sql := range []string{`INSERT INTO t1 (v) VALUES ('a')`, `UPDATE t2 SET v = 'b'`, `DELETE FROM t1`, `SELECT * FROM ` + table, `SELECT * FROM schema_floor`} {
		_, err := conn.Exec(t.Context(), sql)
		require.NoError(t, err, sql)
	}
	for _, sql := range []string{`CREATE TABLE more (id int)`, `DROP TABLE t1`, `ALTER TABLE t1 ADD x int`, `TRUNCATE t1`} {
		_, err := conn.Exec(t.Context(), sql)
		var pg *pgconn.PgError
		require.ErrorAs(t, err, &pg, sql)
		require.Equal(t, "42501", pg.Code, sql)
	}
	require.NoError(t, conn.Close(t.Context()))
	exec(`DROP OWNED BY ` + role)
	exec(`DROP ROLE ` + role)
}

func TestOpenSaysWhatIsWrongAndKeepsThePassword(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"postgres://user:s3cret@127.0.0.1:1/db?sslmode=disable",
		"postgres://user:s3cret@127.0.0.1:port/db",
	} {
		_, err := postgres.Open(t.Context(), url)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "s3cret")
	}
}

func TestOpenSetsWhatTheURLDoesNot(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	show := func(url, name string) (value string) {
		t.Helper()
		pool, err := postgres.Open(t.Context(), url)
		require.NoError(t, err)
		defer pool.Close()
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT current_setting($1)`, name).Scan(&value))
		return value
	}
	require.Equal(t, "off", show(db.URL, "jit"))
	require.Equal(t, "on", show(db.URL+"&jit=on", "jit"))
	require.Equal(t, "UTC", show(db.URL, "timezone"))
	require.Equal(t, "10s", show(db.URL, "idle_in_transaction_session_timeout"))
}

func TestIsTransient(t *testing.T) {
	t.Parallel()
	code := func(c string) error { return fmt.Errorf("save: %w", &pgconn.PgError{Code: c}) }
	for err, want := range map[error]bool{
		nil:                         false,
		errors.New("other"):         false,
		context.Canceled:            false,
		pgx.ErrNoRows:               false,
		pgx.ErrTxClosed:             false,
		code("23505"):               true, // unique violation
		code("23514"):               false,
		code("22P02"):               false,
		code("42P01"):               false,
		code("57014"):               false, // cancelled
		code("40001"):               true,  // serialization
		code("40P01"):               true,  // deadlock
		code("53100"):               true,  // disk full
		code("57P01"):               true,  // admin shutdown
		code("57P03"):               true,  // starting up
		code("08006"):               true,  // connection failure
		code("25006"):               true,  // read only
		code("58030"):               true,  // device
		fmt.Errorf("x: %w", io.EOF): true,
		&net.OpError{Op: "read", Err: errors.New("reset")}: true,
	} {
		require.Equal(t, want, postgres.IsTransient(err), "%v", err)
	}
}

func TestIsTransientOnRealFaults(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	conn, err := db.Pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	_, err = db.Pool.Exec(t.Context(), `SELECT pg_terminate_backend($1)`, conn.Conn().PgConn().PID())
	require.NoError(t, err)
	testkit.Eventually(t, func() bool { _, err = conn.Exec(t.Context(), `SELECT 1`); return err != nil }, "the connection ends")
	require.True(t, postgres.IsTransient(err), "%v", err) // 57P01 or a reset
	_, err = conn.Exec(t.Context(), `SELECT 1`)
	require.True(t, postgres.IsTransient(err), "%v", err) // conn closed

	_, err = postgres.Open(t.Context(), "postgres://x@127.0.0.1:1/x")
	require.True(t, postgres.IsTransient(err), "%v", err)
}
