package viewstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Generations makes whole read models, compares and swaps them. It works as the owner of the database.
type Generations struct {
	Pool  *pgxpool.Pool
	Group string // of the live consumer
}

const (
	lockRebuild = `SELECT pg_try_advisory_lock(hashtextextended(current_schema() || '.rebuild', 0))`

	unlockRebuild = `SELECT pg_advisory_unlock(hashtextextended(current_schema() || '.rebuild', 0))`

	selectLeftover = `
SELECT c.relname, i.inhdetachpending
FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
WHERE i.inhparent = 'order_view'::regclass AND c.relname <> 'order_view_' || (SELECT generation FROM live)
ORDER BY c.relname`

	selectNext = `SELECT generation + 1 FROM live`

	selectPositions = `SELECT topic, partition, next FROM positions WHERE "group" = $1`

	selectHeads = `SELECT count(*) FROM dead_letter_heads WHERE "group" = $1`

	lockPointer = `LOCK TABLE live IN EXCLUSIVE MODE`

	movePointer = `UPDATE live SET generation = $1, since = now()`
)

var (
	digestColumns = "order_id, " + strings.Join(columns, ", ")

	// Of these orders, or with null of all, those that are not the same in both generations.
	selectDifferent = `
SELECT order_id
FROM (SELECT ` + digestColumns + ` FROM order_view WHERE generation = $1 AND ($3::uuid[] IS NULL OR order_id = ANY($3))) AS a
FULL JOIN (SELECT ` + digestColumns + ` FROM order_view WHERE generation = $2 AND ($3::uuid[] IS NULL OR order_id = ANY($3))) AS b USING (order_id)
WHERE (a.` + strings.Join(columns, ", a.") + `) IS DISTINCT FROM (b.` + strings.Join(columns, ", b.") + `)
ORDER BY order_id`
)

// What stands in the way of a rebuild.
var (
	ErrRunning     = errors.New("another rebuild is running")
	ErrDeadLetters = errors.New("orders of the read model wait behind dead letters: redrive or discard them first")
	ErrNeverRead   = errors.New("the live read model has read nothing yet")
)

// Hold lets nobody else rebuild until free is called.
func (g *Generations) Hold(ctx context.Context) (free func(), err error) {
	conn, err := g.Pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("begin to rebuild: %w", err)
	}
	var held bool
	if err = conn.QueryRow(ctx, lockRebuild).Scan(&held); err == nil && !held {
		err = ErrRunning
	}
	if err != nil {
		conn.Release()
		return nil, fmt.Errorf("begin to rebuild: %w", err)
	}
	return func() { // before the connection goes back: the next rebuild may begin at once
		if _, err := conn.Exec(context.WithoutCancel(ctx), unlockRebuild); err != nil {
			_ = conn.Conn().Close(context.WithoutCancel(ctx))
		}
		conn.Release()
	}, nil
}

// Make makes an empty generation beside the live one, after it took away what an earlier rebuild left.
func (g *Generations) Make(ctx context.Context) (generation int32, err error) {
	if err := g.Drop(ctx); err != nil {
		return 0, err
	}
	if err := g.Pool.QueryRow(ctx, selectNext).Scan(&generation); err != nil {
		return 0, fmt.Errorf("number the generation: %w", err)
	}
	table := pgx.Identifier{"order_view_" + strconv.Itoa(int(generation))}.Sanitize()
	for _, sql := range []string{
		`DROP TABLE IF EXISTS ` + table, // detached, and then somebody was killed
		`CREATE TABLE ` + table + ` (LIKE order_view INCLUDING ALL) WITH (fillfactor = 70)`,
		// Attached, not created in place: that would lock readers out.
		`ALTER TABLE order_view ATTACH PARTITION ` + table + ` FOR VALUES IN (` + strconv.Itoa(int(generation)) + `)`,
	} {
		if _, err := g.Pool.Exec(ctx, sql); err != nil {
			return 0, fmt.Errorf("make generation %d: %w", generation, err)
		}
	}
	return generation, nil
}

// Drop takes every generation away but the live one. Who reads one meanwhile finishes first.
func (g *Generations) Drop(ctx context.Context) error {
	for {
		rows, err := g.Pool.Query(ctx, selectLeftover)
		if err != nil {
			return fmt.Errorf("look for old generations: %w", err)
		}
		type old struct {
			Name    string
			Leaving bool
		}
		left, err := pgx.CollectRows(rows, pgx.RowToStructByPos[old])
		switch {
		case err != nil:
			return fmt.Errorf("look for old generations: %w", err)
		case len(left) == 0:
			return nil
		}
		how, table := ` CONCURRENTLY`, pgx.Identifier{left[0].Name}.Sanitize()
		if left[0].Leaving { // its first half is done
			how = ` FINALIZE`
		}
		switch done, err := g.politely(ctx, `ALTER TABLE order_view DETACH PARTITION `+table+how); {
		case err != nil:
			return fmt.Errorf("drop %s: %w", table, err)
		case !done:
			continue
		}
		for done := false; !done; {
			if done, err = g.politely(ctx, `DROP TABLE `+table); err != nil {
				return fmt.Errorf("drop %s: %w", table, err)
			}
		}
	}
}

// politeness is how long a statement waits for a table that it needs for itself. Readers queue behind it meanwhile, who do not
// read that table but must look whether they need to: well below their patience.
const politeness = 200 * time.Millisecond

// politely runs a statement, or gives it up where it would have to wait for too long.
func (g *Generations) politely(ctx context.Context, sql string) (done bool, err error) {
	err = g.Pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
		if _, err := c.Exec(ctx, `SET lock_timeout = `+strconv.Itoa(int(politeness.Milliseconds()))); err != nil {
			return err
		}
		defer c.Exec(context.WithoutCancel(ctx), `RESET lock_timeout`) //nolint:errcheck // a broken connection goes anyway
		_, err := c.Exec(ctx, sql)
		return err
	})
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == lockNotAvailable {
		return false, nil
	}
	return err == nil, err
}

// lockNotAvailable is what a lock_timeout ends with.
const lockNotAvailable = "55P03"

// Position is how far the live read model has read a partition.
type Position struct {
	Topic     string
	Partition int32
	Next      int64
}

// Positions returns how far the live read model has read. Errors: ErrNeverRead, ErrDeadLetters.
func (g *Generations) Positions(ctx context.Context) ([]Position, error) {
	return g.positions(ctx, g.Pool)
}

func (g *Generations) positions(ctx context.Context, db Querier) ([]Position, error) {
	rows, err := db.Query(ctx, selectHeads, g.Group)
	if err != nil {
		return nil, fmt.Errorf("look for dead letters: %w", err)
	}
	switch heads, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[int64]); {
	case err != nil:
		return nil, fmt.Errorf("look for dead letters: %w", err)
	case heads > 0:
		return nil, ErrDeadLetters
	}
	if rows, err = db.Query(ctx, selectPositions, g.Group); err != nil {
		return nil, fmt.Errorf("read positions: %w", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Position])
	switch {
	case err != nil:
		return nil, fmt.Errorf("read positions: %w", err)
	case len(all) == 0:
		return nil, ErrNeverRead
	}
	return all, nil
}

// Digest is what a generation is: the SHA-256 of its rows as COPY writes them, by order id.
type Digest struct {
	SHA256 string
	Orders int64
}

// Digest reads a whole generation.
func (g *Generations) Digest(ctx context.Context, generation int32) (d Digest, err error) {
	err = g.Pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
		d, err = digest(ctx, c.Conn(), generation)
		return err
	})
	return d, err
}

func digest(ctx context.Context, conn *pgx.Conn, generation int32) (Digest, error) {
	hash := sha256.New()
	tag, err := conn.PgConn().CopyTo(ctx, hash, `COPY (SELECT `+digestColumns+` FROM order_view WHERE generation = `+
		strconv.Itoa(int(generation))+` ORDER BY order_id) TO STDOUT`)
	if err != nil {
		return Digest{}, fmt.Errorf("digest generation %d: %w", generation, err)
	}
	return Digest{hex.EncodeToString(hash.Sum(nil)), tag.RowsAffected()}, nil
}

// Snapshot is the live generation at one moment: its digest, and how far it had read just then.
func (g *Generations) Snapshot(ctx context.Context, live int32) (d Digest, at []Position, err error) {
	err = pgx.BeginTxFunc(ctx, g.Pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if at, err = g.positions(ctx, tx); err == nil {
			d, err = digest(ctx, tx.Conn(), live)
		}
		return err
	})
	return d, at, err
}

// Different returns the orders that are not the same in two generations: of the given ones, or with nil of all.
func (g *Generations) Different(ctx context.Context, a, b int32, orders []uuid.UUID) ([]uuid.UUID, error) {
	return different(ctx, g.Pool, a, b, orders)
}

func different(ctx context.Context, db Querier, a, b int32, orders []uuid.UUID) ([]uuid.UUID, error) {
	var among []pgtype.UUID
	if orders != nil {
		among = ids(orders)
	}
	rows, err := db.Query(ctx, selectDifferent, a, b, among)
	if err != nil {
		return nil, fmt.Errorf("compare generations: %w", err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("compare generations: %w", err)
	}
	return out, nil
}

// swapPatience bounds how long the consumer waits for a swap. Readers never do.
const swapPatience = 5 * time.Second

// Swap stops the live consumer for a moment, lets catchUp bring the next generation to where the live one is, and moves the
// pointer in the same transaction. catchUp returns the orders that it changed: unless all are accepted, they must be the
// same in both.
func (g *Generations) Swap(ctx context.Context, next int32, acceptAll bool, catchUp func(ctx context.Context, at []Position) ([]uuid.UUID, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, swapPatience, errors.New("the swap takes too long; nothing was changed"))
	defer cancel()
	err := pgx.BeginFunc(ctx, g.Pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockPointer); err != nil {
			return fmt.Errorf("stop the consumer: %w", err)
		}
		at, err := g.positions(ctx, tx)
		if err != nil {
			return err
		}
		changed, err := catchUp(ctx, at)
		if err != nil {
			return err
		}
		if len(changed) > 0 && !acceptAll {
			wrong, err := different(ctx, tx, next-1, next, changed)
			if err != nil {
				return err
			}
			if len(wrong) > 0 {
				return fmt.Errorf("%w: %d of the last %d orders differ, the first is %s", ErrDifferent, len(wrong), len(changed), wrong[0])
			}
		}
		_, err = tx.Exec(ctx, movePointer, next)
		return err
	})
	if err != nil {
		return fmt.Errorf("swap: %w", errors.Join(err, context.Cause(ctx)))
	}
	return nil
}

// ErrDifferent says that a rebuilt generation is not what the live one is.
var ErrDifferent = errors.New("the rebuilt read model is not what the live one is")
