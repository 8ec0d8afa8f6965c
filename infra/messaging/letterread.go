package messaging

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	letterColumns = `id, subject, topic, partition, "offset", reason, class, error, stack, message_id, type, attempt, tries, trace_id,
    coalesce(octet_length(value), 0), written_at, dead_at, tried_at, edited_at`

	sqlListLetters = `
SELECT ` + letterColumns + ` FROM dead_letters
WHERE "group" = $1 AND id < $2 AND ($3::uuid IS NULL OR subject = $3) AND ($4 = '' OR topic = $4) AND ($5 = '' OR reason = $5)
    AND ($6 = '' OR type = $6) AND ($7::boolean IS NULL OR (reason = 'behind') = $7)
ORDER BY id DESC LIMIT $8`

	sqlOneLetter = `
SELECT ` + letterColumns + `, key, value, headers,
    (SELECT count(*) FROM dead_letters AS o WHERE o."group" = l."group" AND o.subject = l.subject AND o.id < l.id),
    (SELECT count(*) FROM dead_letters AS o WHERE o."group" = l."group" AND o.subject = l.subject AND o.id > l.id)
FROM dead_letters AS l WHERE "group" = $1 AND id = $2`
)

// DeadLetters returns the letters of this service.
func (m *Machine[S]) DeadLetters(ctx context.Context, f LetterFilter) ([]Letter, error) {
	rows, err := m.deps.Pool.Query(ctx, sqlListLetters, m.cfg.Service, below(f.Before), orNull(f.Subject), f.Topic, f.Reason, f.Type,
		f.Waiting, f.Limit)
	if err != nil {
		return nil, fmt.Errorf("read dead letters: %w", err)
	}
	letters, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l Letter, err error) {
		err = l.scan(row)
		return l, err
	})
	if err != nil {
		return nil, fmt.Errorf("read dead letters: %w", err)
	}
	return letters, nil
}

// DeadLetter returns one letter with its record, or ErrNoLetter.
func (m *Machine[S]) DeadLetter(ctx context.Context, id int64) (Letter, error) {
	rows, err := m.deps.Pool.Query(ctx, sqlOneLetter, m.cfg.Service, id)
	if err != nil {
		return Letter{}, fmt.Errorf("read a dead letter: %w", err)
	}
	letters, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l Letter, err error) {
		var headers []byte
		if err := l.scan(row, &l.Record.Key, &l.Record.Value, &headers, &l.Ahead, &l.Behind); err != nil {
			return l, err
		}
		record, err := withHeaders(l.Record, headers)
		if err == nil {
			l.Record = *record
		}
		return l, err
	})
	switch {
	case err != nil:
		return Letter{}, fmt.Errorf("read a dead letter: %w", err)
	case len(letters) == 0:
		return Letter{}, ErrNoLetter
	}
	return letters[0], nil
}

// scan reads letterColumns and what follows them.
func (l *Letter) scan(row pgx.CollectableRow, more ...any) error {
	var subject, message *uuid.UUID
	var tried, edited *time.Time
	err := row.Scan(append([]any{
		&l.ID, &subject, &l.Topic, &l.Partition, &l.Offset, &l.Reason, &l.Class, &l.Error, &l.Stack, &message, &l.Type, &l.Attempt,
		&l.Tries, &l.TraceID, &l.Bytes, &l.WrittenAt, &l.DeadAt, &tried, &edited,
	}, more...)...)
	if err != nil {
		return err
	}
	if subject != nil {
		l.Subject = *subject
	}
	if message != nil {
		l.MessageID = *message
	}
	if tried != nil {
		l.TriedAt = *tried
	}
	if edited != nil {
		l.EditedAt = *edited
	}
	return nil
}

// below is the upper bound of a page's ids.
func below(before int64) int64 {
	if before == 0 {
		return math.MaxInt64
	}
	return before
}
