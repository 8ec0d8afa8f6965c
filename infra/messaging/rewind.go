package messaging

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Position is where the group reads a partition on, and what its log holds.
type Position struct {
	Topic     string // without prefix
	Partition int32
	Next      int64  // offset to read next
	LogStart  int64  // first offset that the log still holds
	LogEnd    int64  // offset that the next record gets
	Owner     string // the worker that reads it, "" after a rewind until one takes it
}

// Rewinding is how far back to read again, and what. Offset is one of a single partition, which must be named; Time is that of
// the record; neither: from the first record that the log holds.
type Rewinding struct {
	Topic     string // "": all that the group reads
	Partition *int32 // nil: all
	Offset    *int64
	Time      time.Time
}

// String is the target, as the audit keeps it.
func (r Rewinding) String() string {
	switch {
	case r.Offset != nil:
		return strconv.FormatInt(*r.Offset, 10)
	case !r.Time.IsZero():
		return r.Time.UTC().Format(time.RFC3339Nano)
	}
	return "beginning"
}

// Moved is a position that went back.
type Moved struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	From      int64  `json:"from"`
	To        int64  `json:"to"`
	LogStart  int64  `json:"log_start"`
}

// Rewound is what one wish did, for ever.
type Rewound struct {
	ID       int64
	At       time.Time
	Operator string
	Reason   string
	Target   string // "beginning", a time or an offset
	Moves    []Moved
}

// Errors of what operators ask about positions.
var (
	// ErrNoPosition: the group reads no such topic or partition, or has not begun to.
	ErrNoPosition = errors.New("nothing of the kind is read here")
	// ErrNoKafka: it did not say what the logs hold.
	ErrNoKafka = errors.New("look at the logs")
)

// RefusedError is the error of a rewind that would skip something, or could not be read from there. Nothing was changed.
type RefusedError struct{ why string }

func (e *RefusedError) Error() string { return e.why }

func refused(format string, args ...any) error { return &RefusedError{fmt.Sprintf(format, args...)} }

const (
	sqlPositions = `
SELECT topic, partition, topic_id, next, owner FROM positions
WHERE "group" = $1 AND ($2 = '' OR topic = $2) AND ($3::int IS NULL OR partition = $3) ORDER BY topic, partition`

	// Without an owner no worker can move the position on: who reads it finds out, takes it again, and reads from there. An epoch
	// that was read later than what is read now would look like a log that was cut off.
	sqlRewind = `
UPDATE positions AS p SET next = m.next, epoch = -1, owner = ''
FROM unnest($2::text[], $3::int[], $4::bigint[]) AS m (topic, partition, next)
WHERE p."group" = $1 AND p.topic = m.topic AND p.partition = m.partition`

	rewoundColumns = `id, at, operator, reason, target, moves`

	sqlRewound = `INSERT INTO rewinds ("group", operator, reason, key, target, moves) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id, at`
)

// Positions returns where the group reads on, by topic and partition.
func (m *Machine[S]) Positions(ctx context.Context) ([]Position, error) {
	rows, err := readPositions(ctx, m.deps.Pool, sqlPositions, m.cfg.Service, Rewinding{})
	if err != nil {
		return nil, err
	}
	logs, err := m.logs(ctx, time.Time{})
	if err != nil {
		return nil, err
	}
	out := make([]Position, len(rows))
	for i, p := range rows {
		l := logs[p.place]
		out[i] = Position{Topic: p.topic, Partition: p.partition, Next: p.next, LogStart: l.start, LogEnd: l.end, Owner: p.owner}
	}
	return out, nil
}

// Rewind lets the group read again what it has read: the positions that are wanted go back, and none goes forward. Whoever reads
// them notices, and nothing new is sent (I10). Errors: ErrNoPosition; RefusedError; ErrNoKafka; of the database, after which the wish may be
// repeated with its key.
func (m *Machine[S]) Rewind(ctx context.Context, to Rewinding, w Wish) (Rewound, error) {
	logs, err := m.logs(ctx, to.Time)
	if err != nil {
		return Rewound{}, err
	}
	done := Rewound{Operator: w.Operator, Reason: w.Reason, Target: to.String()}
	err = inTransaction(ctx, m.deps.Pool, &pgx.Batch{}, func(tx pgx.Tx) (*pgx.Batch, error) {
		again, found, err := m.findRewind(ctx, tx, w)
		if err != nil {
			return nil, err
		}
		if found {
			done = again
			return nil, errRepeated
		}
		positions, err := readPositions(ctx, tx, sqlPositions+" FOR UPDATE", m.cfg.Service, to)
		if err != nil {
			return nil, err
		}
		if done.Moves, err = to.moves(positions, logs); err != nil {
			return nil, err
		}
		moves, err := json.Marshal(done.Moves)
		if err != nil {
			return nil, fmt.Errorf("rewind: %w", err)
		}
		last := &pgx.Batch{}
		queueRewind(last, m.cfg.Service, done.Moves)
		err = tx.QueryRow(ctx, sqlRewound, m.cfg.Service, w.Operator, w.Reason, w.Key, done.Target, moves).Scan(&done.ID, &done.At)
		return last, err
	})
	switch {
	case errors.Is(err, errRepeated):
		return done, nil
	case err != nil:
		return Rewound{}, fmt.Errorf("rewind: %w", err)
	}
	m.deps.Log.WarnContext(ctx, "an operator rewound positions", "target", done.Target, "positions", len(done.Moves), "operator", w.Operator,
		"reason", w.Reason)
	return done, nil
}

// moves are the positions that go back.
func (r Rewinding) moves(positions []owned, logs map[place]extent) ([]Moved, error) {
	if len(positions) == 0 {
		return nil, ErrNoPosition
	}
	if r.Offset != nil && (r.Topic == "" || r.Partition == nil) {
		return nil, refused("offset %d is one of a single partition: name its topic and number", *r.Offset)
	}
	var out []Moved
	for _, p := range positions {
		l, ok := logs[p.place]
		switch {
		case !ok:
			return nil, refused("%s/%d is not in Kafka any more", p.topic, p.partition)
		case l.id != p.topicID:
			return nil, refused("%s was deleted and made again: what was read of it is gone", p.topic)
		}
		to := l.start
		switch {
		case r.Offset != nil:
			if to = *r.Offset; to < l.start {
				return nil, refused("%s/%d begins at %d: what was before it is no longer in the log", p.topic, p.partition, l.start)
			}
			if to > p.next {
				return nil, refused("%s/%d is read on at %d: a rewind only goes back, and skips nothing", p.topic, p.partition, p.next)
			}
		case !r.Time.IsZero():
			to = l.at
		}
		if to < p.next {
			out = append(out, Moved{p.topic, p.partition, p.next, to, l.start})
		}
	}
	if out == nil {
		return nil, refused("nothing was read from there on")
	}
	return out, nil
}

func queueRewind(b *pgx.Batch, group string, moves []Moved) {
	topics, partitions, next := make([]string, len(moves)), make([]int32, len(moves)), make([]int64, len(moves))
	for i, m := range moves {
		topics[i], partitions[i], next[i] = m.Topic, m.Partition, m.To
	}
	b.Queue(sqlRewind, group, topics, partitions, next).Exec(allHit(len(moves)))
}

// owned is a row of the table.
type owned struct {
	place
	topicID uuid.UUID
	next    int64
	owner   string
}

func readPositions(ctx context.Context, q querier, sql, group string, of Rewinding) ([]owned, error) {
	rows, err := q.Query(ctx, sql, group, of.Topic, of.Partition)
	if err != nil {
		return nil, fmt.Errorf("read positions: %w", err)
	}
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p owned, err error) {
		err = row.Scan(&p.topic, &p.partition, &p.topicID, &p.next, &p.owner)
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("read positions: %w", err)
	}
	return out, nil
}
