package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	sqlOld = `
SELECT to_date(right(c.relname, 10), 'YYYY_MM_DD') AS day, c.relname::text, i.inhrelid IS NOT NULL, coalesce(i.inhdetachpending, false)
FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND c.relname ~ '^record_\d{4,}_\d\d_\d\d$'
    AND to_date(right(c.relname, 10), 'YYYY_MM_DD') < $1
ORDER BY day`

	sqlRetire = `INSERT INTO retired (day) SELECT $1 WHERE NOT EXISTS (SELECT FROM retired WHERE day = $1)`
)

// Retain gives up the days before oldest, each with its whole partition, as the owner of the schema, and returns them.
// A day is said to be retired before its records go, so that a verification never takes it for a loss; detaching lets
// readers and writers be. What a run did not finish, the next one does.
func Retain(ctx context.Context, owner *pgx.Conn, oldest time.Time) (days []time.Time, err error) {
	type partition struct {
		day               time.Time
		name              string
		attached, pending bool
	}
	rows, err := owner.Query(ctx, sqlOld, oldest)
	if err != nil {
		return nil, fmt.Errorf("find old days: %w", err)
	}
	old, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p partition, err error) {
		err = row.Scan(&p.day, &p.name, &p.attached, &p.pending)
		return p, err
	})
	if err != nil {
		return nil, fmt.Errorf("find old days: %w", err)
	}
	for _, p := range old {
		steps := []string{`DROP TABLE ` + pgx.Identifier{p.name}.Sanitize()}
		switch {
		case p.pending:
			steps = append([]string{`ALTER TABLE record DETACH PARTITION ` + pgx.Identifier{p.name}.Sanitize() + ` FINALIZE`}, steps...)
		case p.attached:
			steps = append([]string{`ALTER TABLE record DETACH PARTITION ` + pgx.Identifier{p.name}.Sanitize() + ` CONCURRENTLY`}, steps...)
		}
		if _, err := owner.Exec(ctx, sqlRetire, p.day); err != nil {
			return days, fmt.Errorf("retire %s: %w", p.day.Format(time.DateOnly), err)
		}
		for _, sql := range steps {
			if _, err := owner.Exec(ctx, sql); err != nil {
				return days, fmt.Errorf("retire %s: %w", p.day.Format(time.DateOnly), err)
			}
		}
		days = append(days, p.day)
	}
	return days, nil
}
