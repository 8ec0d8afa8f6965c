package postgres_test

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/postgres"
	"ordersaga.internal/infra/testkit"
)

// A client can be paused anywhere: between two statements, amid a pipeline of them, amid a COPY. Its locks are freed; those
// who only read are left.
func TestEndPausedFreesLocks(t *testing.T) {
	t.Parallel()
	for name, pause := range map[string]func(ctx context.Context, t *testing.T, c *pgxpool.Conn){
		"between statements": func(context.Context, *testing.T, *pgxpool.Conn) {},
		"amid a pipeline": func(ctx context.Context, t *testing.T, c *pgxpool.Conn) {
			t.Helper()
			p := c.Conn().PgConn().StartPipeline(ctx)
			p.SendQueryParams("UPDATE place SET owner = 'paused'", nil, nil, nil, nil)
			require.NoError(t, p.Flush())
		},
		"amid a COPY": func(ctx context.Context, t *testing.T, c *pgxpool.Conn) {
			t.Helper()
			r, w := io.Pipe()
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, _ = c.Conn().PgConn().CopyFrom(ctx, r, "COPY place (owner) FROM STDIN") // ends with the session
			}()
			_, err := io.Copy(w, bytes.NewBufferString("x\n"))
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, w.Close()); <-done })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := testkit.Postgres(t)
			ctx := t.Context()
			_, err := db.Pool.Exec(ctx, `CREATE TABLE place (owner text NOT NULL); INSERT INTO place VALUES ('nobody')`)
			require.NoError(t, err)
			hold := func(sql string) *pgxpool.Conn {
				pool, err := postgres.Open(ctx, db.URL)
				require.NoError(t, err)
				t.Cleanup(pool.Close)
				c, err := pool.Acquire(ctx)
				require.NoError(t, err)
				t.Cleanup(c.Release)
				_, err = c.Exec(ctx, "BEGIN; "+sql)
				require.NoError(t, err)
				return c
			}
			reader := hold(`SELECT FROM place`)
			paused := hold(`SELECT FROM place FOR UPDATE`)
			pause(ctx, t, paused)

			ended, err := postgres.EndPaused(ctx, db.Pool, time.Hour)
			require.NoError(t, err)
			require.Zero(t, ended)
			testkit.Eventually(t, func() bool {
				ended, err = postgres.EndPaused(ctx, db.Pool, 100*time.Millisecond)
				require.NoError(t, err)
				return ended == 1
			}, "the paused one ended")
			_, err = db.Pool.Exec(ctx, `UPDATE place SET owner = 'me'`)
			require.NoError(t, err)
			_, err = reader.Exec(ctx, `COMMIT`)
			require.NoError(t, err)
		})
	}
}
