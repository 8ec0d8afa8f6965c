package messaging

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ordersaga.internal/infra/postgres"
)

// place is one partition of one topic (without prefix).
type place struct {
	topic     string
	partition int32
}

func comparePlaces(a, b place) int {
	return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.partition, b.partition))
}

// position is where this worker, as owner, reads a place on: what it last read from or wrote to the table, never derived
// from records.
type position struct {
	place
	topicID uuid.UUID
	next    int64
	epoch   int32
	paused  string             // why nothing is read, "" where it is
	told    int64              // what Kafka was told of next
	seen    time.Time          // see the table; zero: never
	closed  map[int64]struct{} // offsets at or above next, after a rewind, that operators discarded or replaced; mostly nil
}

// move is a position's step in one transaction.
type move struct {
	p     *position
	next  int64
	epoch int32
}

const sqlTake = `
INSERT INTO positions ("group", topic, partition, topic_id, next, epoch, owner)
SELECT $1, topic, partition, topic_id, 0, -1, $2 FROM unnest($3::text[], $4::int[], $5::uuid[]) AS t (topic, partition, topic_id)
ON CONFLICT ("group", topic, partition) DO UPDATE SET owner = excluded.owner
RETURNING topic, partition, topic_id, next, epoch, seen_at`

// takePositions waits for transactions of former owners that still run, and ends those of paused ones.
func takePositions(ctx context.Context, pool *pgxpool.Pool, group, owner string, places []place, ids map[string]uuid.UUID) (map[place]*position, error) {
	slices.SortFunc(places, comparePlaces)
	topics, partitions, topicIDs := make([]string, len(places)), make([]int32, len(places)), make([]uuid.UUID, len(places))
	for i, at := range places {
		topics[i], partitions[i], topicIDs[i] = at.topic, at.partition, ids[at.topic]
	}
	if _, err := postgres.EndPaused(ctx, pool, postgres.PausedAfter); err != nil {
		return nil, fmt.Errorf("take positions: %w", err)
	}
	rows, err := pool.Query(ctx, sqlTake, group, owner, topics, partitions, topicIDs)
	if err != nil {
		return nil, fmt.Errorf("take positions: %w", err)
	}
	out := make(map[place]*position, len(places))
	var p position
	var seen *time.Time
	_, err = pgx.ForEachRow(rows, []any{&p.topic, &p.partition, &p.topicID, &p.next, &p.epoch, &seen}, func() error {
		taken := p
		if seen != nil {
			taken.seen = *seen
		}
		out[p.place] = &taken
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("take positions: %w", err)
	}
	return out, nil
}

const sqlClosed = `
SELECT a.topic, a.partition, a."offset" FROM positions AS p
JOIN dead_letter_audit AS a ON a."group" = p."group" AND a.topic = p.topic AND a.partition = p.partition AND a."offset" >= p.next
    AND a.topic_id = p.topic_id AND a.action <> 'redrive'
WHERE p."group" = $1 AND p.owner = $2`

// readClosed tells the positions which records are not to be handled when they are read again.
func readClosed(ctx context.Context, pool *pgxpool.Pool, group, owner string, positions map[place]*position) error {
	rows, err := pool.Query(ctx, sqlClosed, group, owner)
	if err != nil {
		return fmt.Errorf("read what operators closed: %w", err)
	}
	var at place
	var offset int64
	_, err = pgx.ForEachRow(rows, []any{&at.topic, &at.partition, &offset}, func() error {
		p := positions[at]
		if p == nil {
			return nil
		}
		if p.closed == nil {
			p.closed = make(map[int64]struct{})
		}
		p.closed[offset] = struct{}{}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read what operators closed: %w", err)
	}
	return nil
}

const sqlMove = `
UPDATE positions AS p SET next = m.next, epoch = m.epoch
FROM unnest($3::text[], $4::int[], $5::bigint[], $6::bigint[], $7::int[]) AS m (topic, partition, expected, next, epoch)
WHERE p."group" = $1 AND p.owner = $2 AND p.topic = m.topic AND p.partition = m.partition AND p.next = m.expected`

// queueMoves updates the positions of a batch as part of b. It fails with errLost unless every one was this worker's and
// as expected: then the whole transaction is void.
func queueMoves(b *pgx.Batch, group, owner string, moves []move) {
	slices.SortFunc(moves, func(a, b move) int { return comparePlaces(a.p.place, b.p.place) })
	n := len(moves)
	topics, partitions, epochs := make([]string, n), make([]int32, n), make([]int32, n)
	expected, next := make([]int64, n), make([]int64, n)
	for i, m := range moves {
		topics[i], partitions[i], epochs[i] = m.p.topic, m.p.partition, m.epoch
		expected[i], next[i] = m.p.next, m.next
	}
	b.Queue(sqlMove, group, owner, topics, partitions, expected, next, epochs).Exec(allHit(n))
}

const sqlSeen = `
UPDATE positions SET seen_at = $4 WHERE "group" = $1 AND owner = $2 AND partition = ANY ($3::int[])`

// countOwned tells how many positions are the owner's.
func countOwned(ctx context.Context, pool *pgxpool.Pool, group, owner string) (n int, err error) {
	err = pool.QueryRow(ctx, `SELECT count(*) FROM positions WHERE "group" = $1 AND owner = $2`, group, owner).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count positions: %w", err)
	}
	return n, nil
}
