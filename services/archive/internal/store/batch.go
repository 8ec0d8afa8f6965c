package store

import (
	"context"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/services/archive/internal/chain"
)

// Row is one record to add.
type Row struct {
	Stream int16
	chain.Record

	Type *string // ce_type; nil: null
}

// Checkpoint is a row of the table of that name; see there.
type Checkpoint struct {
	Stream  int16
	Next    int64
	Day     time.Time
	Records int
	Chain   chain.Link
}

// Move is a stream's step in one transaction: from what its owner knows to what it becomes.
type Move struct {
	From *Stream
	To   Stream
}

// Batch is what one transaction adds.
type Batch struct {
	Moves       []Move
	Rows        []Row
	Checkpoints []Checkpoint
}

const sqlMove = `
UPDATE stream AS s SET next = m.next, epoch = m.epoch, chain = m.chain, day = m.day, tail = m.tail, records = m.records, archived_at = now()
FROM unnest($2::smallint[], $3::bigint[], $4::bigint[], $5::int[], $6::bytea[], $7::date[], $8::int[], $9::bigint[])
    AS m (stream, expected, next, epoch, chain, day, tail, records)
WHERE s.stream = m.stream AND s.owner = $1 AND s.next = m.expected`

const sqlCheckpoint = `
INSERT INTO checkpoint (stream, next, day, records, chain)
SELECT * FROM unnest($1::smallint[], $2::bigint[], $3::date[], $4::int[], $5::bytea[])`

// Save adds a batch in one transaction, or nothing of it: with ErrLost where not every position was the owner's and as
// expected. The positions come first, so that a former owner is refused before it sends a record.
func Save(ctx context.Context, pool *pgxpool.Pool, owner string, b *Batch) error {
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if err := move(ctx, tx, owner, b.Moves); err != nil {
			return err
		}
		if len(b.Rows) > 0 {
			into := []string{"appended_at", "offset", "stream", "key", "value", "headers", "type"}
			if _, err := tx.CopyFrom(ctx, pgx.Identifier{"record"}, into, &source{rows: b.Rows}); err != nil {
				return err
			}
		}
		if len(b.Checkpoints) == 0 {
			return nil
		}
		n := len(b.Checkpoints)
		streams, next, days := make([]int16, n), make([]int64, n), make([]time.Time, n)
		records, links := make([]int32, n), make([][]byte, n)
		for i := range b.Checkpoints {
			c := &b.Checkpoints[i]
			streams[i], next[i], days[i], records[i], links[i] = c.Stream, c.Next, c.Day, int32(c.Records), c.Chain[:]
		}
		_, err := tx.Exec(ctx, sqlCheckpoint, streams, next, days, records, links)
		return err
	})
	if err != nil {
		return fmt.Errorf("archive a batch: %w", err)
	}
	return nil
}

func move(ctx context.Context, tx pgx.Tx, owner string, moves []Move) error {
	slices.SortFunc(moves, func(a, b Move) int { return int(a.From.ID) - int(b.From.ID) })
	n := len(moves)
	streams, expected, next, epochs := make([]int16, n), make([]int64, n), make([]int64, n), make([]int32, n)
	links, days, tails, records := make([][]byte, n), make([]*time.Time, n), make([]int32, n), make([]int64, n)
	for i := range moves {
		to := &moves[i].To
		streams[i], expected[i], next[i], epochs[i] = to.ID, moves[i].From.Next, to.Next, to.Epoch
		links[i], tails[i], records[i] = to.Chain[:], int32(to.Tail), to.Records
		if !to.Day.IsZero() {
			days[i] = &to.Day
		}
	}
	tag, err := tx.Exec(ctx, sqlMove, owner, streams, expected, next, epochs, links, days, tails, records)
	if err == nil && tag.RowsAffected() != int64(n) {
		return ErrLost
	}
	return err
}

// longestType is the longest ce_type to be found by.
const longestType = 200

// TypeOf is the value of the header ce_type, nil where there is none that PostgreSQL takes as text.
func TypeOf(headers []kgo.RecordHeader) *string {
	for i := range headers {
		if headers[i].Key != "ce_type" {
			continue
		}
		v := headers[i].Value
		if v == nil || len(v) > longestType || !utf8.Valid(v) || slices.Contains(v, 0) {
			return nil
		}
		text := string(v)
		return &text
	}
	return nil
}

// source hands rows to COPY. It uses one slice for all of them, which pgx allows.
type source struct {
	rows   []Row
	at     int
	values [7]any
}

func (s *source) Next() bool { s.at++; return s.at <= len(s.rows) }

func (s *source) Values() ([]any, error) {
	r := &s.rows[s.at-1]
	s.values = [7]any{r.AppendedAt, r.Offset, r.Stream, r.Key, r.Value, r.Headers, r.Type}
	return s.values[:], nil
}

func (s *source) Err() error { return nil }

// MakeDays makes the partitions of days (midnights UTC) that are missing.
func MakeDays(ctx context.Context, pool *pgxpool.Pool, days []time.Time) error {
	if _, err := pool.Exec(ctx, `SELECT make_days($1)`, days); err != nil {
		return fmt.Errorf("make partitions of days: %w", err)
	}
	return nil
}

// Day is the midnight (UTC) that the day of t began with.
func Day(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}
