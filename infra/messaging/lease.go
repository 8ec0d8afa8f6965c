package messaging

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// The lease says which replica's relay publishes. It holds leaseTTL, by the database's clock; deletions renew it, at most
// every leaseRenewal. Nobody's safety rests on it: a relay that was paused and lost it repeats old messages, in order,
// and deletes what was acknowledged to it, which is right whoever leads.
const (
	leaseTTL     = 3 * time.Second
	leaseRenewal = 250 * time.Millisecond
	leaseRetry   = time.Second // how often the others look whether it expired
)

const (
	takeLeaseSQL = `
INSERT INTO relay_lease AS l (owner, expires_at) VALUES ($1, clock_timestamp() + $2)
ON CONFLICT (one) DO UPDATE SET owner = excluded.owner, expires_at = excluded.expires_at
WHERE l.expires_at < clock_timestamp() OR l.owner = excluded.owner`

	renewLeaseSQL = `UPDATE relay_lease SET expires_at = clock_timestamp() + $2 WHERE owner = $1`

	releaseLeaseSQL = `
WITH released AS (
    UPDATE relay_lease SET owner = '', expires_at = '-infinity' WHERE owner = $1 RETURNING 1)
SELECT pg_notify(` + channelSQL + `, '` + leaseReleased + `') FROM released`

	// LISTEN reaches the whole database, but the table is one schema's.
	channelSQL = `'outbox_' || 'outbox'::regclass::oid`

	// Told in the transaction that leaves messages in the outbox, by those who do not lead: it costs a lock that all
	// notifying commits share, and the leader's own Wake does the same.
	notifySQL = `SELECT pg_notify(` + channelSQL + `, '')`

	leaseReleased = "released"
)

// take tries to get the lease, if it is free or ours.
func (r *relay) take(ctx context.Context, conn *pgx.Conn) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, relayTurn)
	defer cancel()
	tag, err := conn.Exec(ctx, takeLeaseSQL, r.owner, leaseTTL)
	if err != nil {
		return false, fmt.Errorf("take the relay's lease: %w", err)
	}
	r.renewed = time.Now()
	return tag.RowsAffected() == 1, nil
}

// release gives the lease back, so that another replica need not wait until it expires.
func (r *relay) release(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, releaseLeaseSQL, r.owner); err != nil {
		return fmt.Errorf("release the relay's lease: %w", err)
	}
	return nil
}

// listen passes other replicas' notifications on until ctx ends. While it cannot, polling does.
func (r *relay) listen(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; failures++ {
		err := r.listenOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		r.log.WarnContext(ctx, "relay cannot listen for notifications; polling meanwhile", "error", err)
		if pause(ctx, failures) != nil {
			return
		}
	}
}

func (r *relay) listenOnce(ctx context.Context) error {
	conn, err := r.connect(ctx, "relay listener")
	if err != nil {
		return err
	}
	defer closeConn(conn)
	var channel string
	if err := conn.QueryRow(ctx, `SELECT `+channelSQL).Scan(&channel); err != nil {
		return fmt.Errorf("name of the channel: %w", err)
	}
	if _, err := conn.Exec(ctx, `LISTEN `+pgx.Identifier{channel}.Sanitize()); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	r.Wake() // for what came before
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return fmt.Errorf("wait for a notification: %w", err)
		}
		if n.Payload == leaseReleased {
			signal(r.vacant)
		} else {
			r.Wake()
		}
	}
}

// connect opens a connection of the relay's own: outside the pool, so that it never waits for one, and untraced.
func (r *relay) connect(ctx context.Context, name string) (*pgx.Conn, error) {
	c := r.pool.Config().ConnConfig.Copy()
	c.Tracer = nil
	conn, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	// A deletion that a crash of the database loses only repeats messages, so it need not wait for the disk. The plans
	// must be those of a queue, whatever the statistics say: the table is empty or full from one moment to the next.
	_, err = conn.Exec(ctx, `
SELECT set_config('application_name', $1, false), set_config('synchronous_commit', 'off', false),
       set_config('enable_seqscan', 'off', false), set_config('enable_bitmapscan', 'off', false),
       set_config('enable_sort', 'off', false), set_config('plan_cache_mode', 'force_generic_plan', false)`, name+" "+r.owner)
	if err != nil {
		closeConn(conn)
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return conn, nil
}

// closeConn closes in peace where possible; what cannot be said to the server, it finds out.
func closeConn(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

// signal fills a channel of one; a signal that nobody took yet stands for both.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
