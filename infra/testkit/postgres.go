package testkit

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ordersaga.internal/infra/localstack"
	"ordersaga.internal/infra/postgres"
)

// Migration is one set of migrations and the table that records them; see postgres.Migrate.
type Migration struct {
	Table string
	FS    fs.FS
}

// DB is a schema of the test's own. It is dropped when the test ends.
type DB struct {
	Pool   *pgxpool.Pool // closed when the test ends
	URL    string        // leads to the schema by its search_path; of a superuser, so good for migrating too
	Schema string
}

// Postgres returns a fresh schema with the migrations applied in the order given.
func Postgres(t testing.TB, migrations ...Migration) *DB {
	t.Helper()
	server, err := sharedPostgres()
	if err != nil {
		t.Fatalf("PostgreSQL for tests: %v", err)
	}
	db := &DB{Schema: "t_" + randomHex()}
	execute(t, server, `CREATE SCHEMA `+db.Schema)
	t.Cleanup(func() {
		// A transaction that a failed test left open must not hang the others.
		execute(t, server, `SET lock_timeout = '5s'; DROP SCHEMA `+db.Schema+` CASCADE`)
	})
	if db.URL, err = withSearchPath(server, db.Schema); err != nil {
		t.Fatal(err)
	}
	for _, m := range migrations {
		if _, err := postgres.Migrate(t.Context(), db.URL, "", m.Table, m.FS); err != nil {
			t.Fatal(err)
		}
	}
	db.Pool = db.Open(t)
	return db
}

// Open returns another pool on the schema, as a second process has one. It is closed when the test ends.
func (db *DB) Open(t testing.TB, opts ...postgres.Option) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(t.Context(), db.URL, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// execute runs statements on a connection of their own. It works in a cleanup, where t.Context has ended.
func execute(t testing.TB, url, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Errorf("PostgreSQL for tests: %v", err)
		return
	}
	_, err = conn.Exec(ctx, sql)
	for tries := 0; tries < 3 && postgres.IsTransient(err); tries++ { // a transaction of a test that was cut off still ends
		_, err = conn.Exec(ctx, sql)
	}
	if err != nil {
		t.Errorf("PostgreSQL for tests: %s: %v", sql, err)
	}
	_ = conn.Close(ctx)
}

// sharedPostgres returns a superuser's URL of the server that all tests of this process share.
var sharedPostgres = sync.OnceValues(func() (string, error) {
	if given := os.Getenv("ORDERSAGA_TEST_POSTGRES"); given != "" {
		return given, nil
	}
	dir, err := os.MkdirTemp(memory(), "ordersaga-test-")
	if err != nil {
		return "", err
	}
	pg, err := localstack.StartPostgres(context.Background(), localstack.PostgresConfig{
		Dir: filepath.Join(dir, "postgres"),
		// Tests kill no machine: what these give up is what a power cut would need.
		Settings: map[string]string{
			"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "64MB",
		},
	})
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	if err := sweepAfter(pg.PID(), dir); err != nil {
		pg.Stop()
		return "", err
	}
	atExit(pg.Stop)
	return pg.URL("postgres", "postgres"), nil
})

// memory is a folder in main memory where there is one, "" for the ordinary temporary folder elsewhere.
func memory() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return ""
}

func withSearchPath(server, schema string) (string, error) {
	u, err := url.Parse(server)
	if err != nil {
		return "", fmt.Errorf("ORDERSAGA_TEST_POSTGRES: %w", err)
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String(), nil
}

func randomHex() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
