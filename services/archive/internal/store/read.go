package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Interval is what lies between two checkpoints of a stream, or between the last one and its position: records of one
// day, from the offset From up to, not including, Next.
type Interval struct {
	From int64
	Checkpoint

	Retired bool // its day was given up
}

const sqlCheckpoints = `
SELECT next, day, records, chain, EXISTS (SELECT FROM retired r WHERE r.day = c.day)
FROM checkpoint c WHERE stream = $1 ORDER BY next`

// Intervals returns a stream's, in order, up to its position as s knows it.
func Intervals(ctx context.Context, db Querier, s *Stream) ([]Interval, error) {
	rows, err := db.Query(ctx, sqlCheckpoints, s.ID)
	if err != nil {
		return nil, fmt.Errorf("read checkpoints: %w", err)
	}
	from := s.Begins
	out, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Interval, error) {
		i, link := Interval{From: from}, []byte(nil)
		i.Stream = s.ID
		err := row.Scan(&i.Next, &i.Day, &i.Records, &link, &i.Retired)
		copy(i.Chain[:], link)
		from = i.Next
		return i, err
	})
	if err != nil {
		return nil, fmt.Errorf("read checkpoints: %w", err)
	}
	from = s.Begins
	// Later ones are of batches that came after s was read; each batch goes on behind its last checkpoint.
	for len(out) > 0 && out[len(out)-1].Next >= s.Next {
		out = out[:len(out)-1]
	}
	if n := len(out); n > 0 {
		from = out[n-1].Next
	}
	if s.Records == 0 {
		return out, nil
	}
	tail := Interval{From: from, Checkpoint: Checkpoint{Stream: s.ID, Next: s.Next, Day: s.Day, Records: s.Tail, Chain: s.Chain}}
	if tail.Retired, err = retired(ctx, db, s.Day); err != nil {
		return nil, err
	}
	return append(out, tail), nil
}

const sqlInterval = `
SELECT ` + recordColumns + ` FROM record
WHERE stream = $1 AND "offset" >= $2 AND "offset" < $3 ORDER BY "offset"`

// Rows calls see with each record of a stream from an offset up to, not including, another. What it is given is valid
// until it returns.
func Rows(ctx context.Context, db Querier, stream int16, from, next int64, see func(*Row) error) error {
	rows, err := db.Query(ctx, sqlInterval, stream, from, next)
	if err != nil {
		return fmt.Errorf("read records: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scanRow(rows)
		if err != nil {
			return fmt.Errorf("read records: %w", err)
		}
		if err := see(&r); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read records: %w", err)
	}
	return nil
}

// retired tells whether a day was given up.
func retired(ctx context.Context, db Querier, day time.Time) (yes bool, err error) {
	if err := db.QueryRow(ctx, `SELECT EXISTS (SELECT FROM retired WHERE day = $1)`, day).Scan(&yes); err != nil {
		return false, fmt.Errorf("read retired days: %w", err)
	}
	return yes, nil
}
