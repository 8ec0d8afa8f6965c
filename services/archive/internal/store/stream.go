package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ordersaga.internal/infra/postgres"
	"ordersaga.internal/services/archive/internal/chain"
)

// ErrLost says that a position is not as this owner left it: another took it over, an operator changed it, or a COMMIT
// whose answer was lost did happen. The whole transaction is void.
var ErrLost = errors.New("positions moved without this consumer")

// Place is one partition of one topic (without prefix).
type Place struct {
	Topic     string
	Partition int32
}

func comparePlaces(a, b Place) int {
	return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
}

// Stream is a row of the table of that name; see there.
type Stream struct {
	ID int16
	Place
	TopicID    uuid.UUID
	Begins     int64
	Reason     string // "" for the first of its place
	Next       int64
	Epoch      int32
	Owner      string
	Chain      chain.Link
	Day        time.Time // midnight UTC; zero: no record yet
	Tail       int       // records since the last checkpoint
	Records    int64
	ArchivedAt time.Time // zero: nothing yet
}

const columns = `stream, topic, partition, topic_id, begins, coalesce(reason, ''), next, epoch, owner, chain, day, tail, records, archived_at`

func scanStreams(rows pgx.Rows) ([]*Stream, error) {
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (*Stream, error) {
		s, link := &Stream{}, []byte(nil)
		var day, archived *time.Time
		err := row.Scan(&s.ID, &s.Topic, &s.Partition, &s.TopicID, &s.Begins, &s.Reason, &s.Next, &s.Epoch, &s.Owner, &link, &day,
			&s.Tail, &s.Records, &archived)
		s.Chain = chain.Link(link) // the table checks its length
		if day != nil {
			s.Day = *day
		}
		if archived != nil {
			s.ArchivedAt = *archived
		}
		return s, err
	})
}

// Streams returns all of them, those of one place together, the oldest first.
func Streams(ctx context.Context, db Querier) ([]*Stream, error) {
	rows, err := db.Query(ctx, `SELECT `+columns+` FROM stream ORDER BY topic, partition, stream`)
	if err != nil {
		return nil, fmt.Errorf("read streams: %w", err)
	}
	streams, err := scanStreams(rows)
	if err != nil {
		return nil, fmt.Errorf("read streams: %w", err)
	}
	return streams, nil
}

// Newest leaves of each place the stream that is read on.
func Newest(streams []*Stream) []*Stream {
	var out []*Stream
	for _, s := range streams {
		if n := len(out); n > 0 && out[n-1].Place == s.Place {
			out[n-1] = s
			continue
		}
		out = append(out, s)
	}
	return out
}

const (
	sqlLock = `SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '.stream', 0))`

	// In the order of their ids: so does every other transaction take them.
	sqlTake = `
UPDATE stream SET owner = $1 WHERE stream IN (
    SELECT s.stream FROM stream s WHERE s.stream IN (
        SELECT max(n.stream) FROM unnest($2::text[], $3::int[]) AS p (topic, partition)
        JOIN stream n USING (topic, partition) GROUP BY topic, partition)
    ORDER BY s.stream FOR UPDATE)
RETURNING ` + columns

	sqlBegin = `
INSERT INTO stream (topic, partition, topic_id, begins, reason, next, epoch, owner, chain, tail, records)
VALUES ($1, $2, $3, $4, nullif($5, ''), $4, -1, $6, $7, 0, 0)`
)

// begin adds a stream that begins at an offset. Its place's older streams are no longer read on.
func begin(ctx context.Context, tx pgx.Tx, s *Stream) error {
	link := chain.Begin(s.Topic, s.Partition, s.TopicID, s.Begins)
	_, err := tx.Exec(ctx, sqlBegin, s.Topic, s.Partition, s.TopicID, s.Begins, s.Reason, s.Owner, link[:])
	return err
}

// Take makes owner the owner of the newest stream of each place, waits for transactions of former owners that still run, and
// ends those of paused ones. Places without a stream get their first one as first says; it is asked at most once.
func Take(
	ctx context.Context, pool *pgxpool.Pool, owner string, places []Place, first func([]Place) ([]*Stream, error),
) (taken map[Place]*Stream, err error) {
	slices.SortFunc(places, comparePlaces)
	if _, err := postgres.EndPaused(ctx, pool, postgres.PausedAfter); err != nil {
		return nil, fmt.Errorf("take positions: %w", err)
	}
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if taken, err = take(ctx, tx, owner, places); err != nil || len(taken) == len(places) {
			return err
		}
		if _, err := tx.Exec(ctx, sqlLock); err != nil { // of two that miss the same, one begins it
			return err
		}
		if taken, err = take(ctx, tx, owner, places); err != nil {
			return err
		}
		missing := slices.DeleteFunc(slices.Clone(places), func(p Place) bool { return taken[p] != nil })
		if len(missing) == 0 {
			return nil
		}
		begun, err := first(missing)
		if err != nil {
			return err
		}
		for _, s := range begun {
			if err := begin(ctx, tx, s); err != nil {
				return err
			}
		}
		taken, err = take(ctx, tx, owner, places)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("take positions: %w", err)
	}
	return taken, nil
}

func take(ctx context.Context, tx pgx.Tx, owner string, places []Place) (map[Place]*Stream, error) {
	topics, partitions := make([]string, len(places)), make([]int32, len(places))
	for i, p := range places {
		topics[i], partitions[i] = p.Topic, p.Partition
	}
	rows, err := tx.Query(ctx, sqlTake, owner, topics, partitions)
	if err != nil {
		return nil, err
	}
	streams, err := scanStreams(rows)
	if err != nil {
		return nil, err
	}
	out := make(map[Place]*Stream, len(streams))
	for _, s := range streams {
		out[s.Place] = s
	}
	return out, nil
}

// CountOwned tells how many streams are the owner's.
func CountOwned(ctx context.Context, db Querier, owner string) (n int, err error) {
	if err := db.QueryRow(ctx, `SELECT count(*) FROM stream WHERE owner = $1`, owner).Scan(&n); err != nil {
		return 0, fmt.Errorf("count positions: %w", err)
	}
	return n, nil
}

// Resume begins a new stream of a place at an offset, for a reason, and takes the one before from its owner: see the
// first migration.
func Resume(ctx context.Context, pool *pgxpool.Pool, s *Stream) error {
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlLock); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE stream SET owner = '' WHERE topic = $1 AND partition = $2`, s.Topic, s.Partition); err != nil {
			return err
		}
		return begin(ctx, tx, s)
	})
	if err != nil {
		return fmt.Errorf("begin a stream of %s/%d: %w", s.Topic, s.Partition, err)
	}
	return nil
}

// Querier is a pool, a connection or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}
