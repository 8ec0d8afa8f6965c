package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// PausedAfter is the patience of those who take Kafka positions: less than the group's session timeout, after which a paused
// owner's positions are taken.
const PausedAfter = 5 * time.Second

// TakeTimeout bounds one attempt to take positions: the next one ends who has been waited for all that time.
const TakeTimeout = 2 * PausedAfter

// Row locks are not listed anywhere, but whoever has one has such a lock of the table, too.
const sqlEndPaused = `
SELECT count(*) FILTER (WHERE pg_terminate_backend(a.pid)) FROM pg_stat_activity AS a
WHERE a.usename = current_user AND a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.wait_event = 'ClientRead'
    AND a.state_change < clock_timestamp() - make_interval(secs => $1)
    AND EXISTS (SELECT FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation
        WHERE l.pid = a.pid AND l.granted AND l.mode IN ('RowShareLock', 'RowExclusiveLock')
            AND c.relnamespace = to_regnamespace(quote_ident(current_schema())))`

// EndPaused ends this role's sessions that may hold locks on rows of this schema and have waited for their client, amid a
// transaction, for longer than patience: that client was paused or cut off. idle_in_transaction_session_timeout does it
// only between two statements. Amid a COPY or a pipeline of statements no timeout of PostgreSQL 15 runs out, and TCP's
// keepalive is answered for a stopped process, so that its locks would stay as long as it does. Returns how many were ended.
func EndPaused(ctx context.Context, pool *pgxpool.Pool, patience time.Duration) (ended int, err error) {
	if err := pool.QueryRow(ctx, sqlEndPaused, patience.Seconds()).Scan(&ended); err != nil {
		return 0, fmt.Errorf("end paused sessions: %w", err)
	}
	return ended, nil
}
