package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// At is the place of a record among all, in the order of time.
type At struct {
	AppendedAt time.Time
	Stream     int16
	Offset     int64
}

// Filter says which records. The zero value of a field means any.
type Filter struct {
	Key      []byte
	Type     string
	Streams  []int16 // nil: any
	From, To time.Time
	After    At
}

const recordColumns = `appended_at, "offset", stream, key, value, headers, type`

// pageBytes is about how many bytes of records one page holds at most, but at least one record.
const pageBytes = 8 << 20

// Find returns up to limit records in the order of time, fewer where they are big, and whether there are more.
func Find(ctx context.Context, db Querier, f Filter, limit int) (page []Row, more bool, err error) {
	sql, args := f.query(limit + 1)
	// Planned with the values in it: a rare type goes by its index, a common one may as well go by time.
	return collect(ctx, db, sql, append([]any{pgx.QueryExecModeSimpleProtocol}, args...), limit)
}

func (f Filter) query(limit int) (sql string, args []any) {
	var where []string
	add := func(condition string, values ...any) {
		for i := range values {
			condition = strings.Replace(condition, "?", fmt.Sprintf("$%d", len(args)+i+1), 1)
		}
		where, args = append(where, condition), append(args, values...)
	}
	if f.Key != nil {
		add(`key = ? AND octet_length(key) <= 200`, f.Key)
	}
	if f.Type != "" {
		add(`type = ?`, f.Type)
	}
	if f.Streams != nil {
		add(`stream + 0 = ANY (?::int[])`, f.Streams) // + 0: never by the primary key, whose order is not this
	}
	if !f.From.IsZero() {
		add(`appended_at >= ?`, f.From)
	}
	if !f.To.IsZero() {
		add(`appended_at < ?`, f.To)
	}
	if f.After != (At{}) {
		add(`appended_at >= ? AND (appended_at, stream, "offset") > (?, ?, ?)`, f.After.AppendedAt, f.After.AppendedAt, f.After.Stream, f.After.Offset)
	}
	condition := ""
	if len(where) > 0 {
		condition = ` WHERE ` + strings.Join(where, ` AND `)
	}
	const order = ` ORDER BY appended_at, stream, "offset" LIMIT `
	args = append(args, limit)
	n := fmt.Sprintf("$%d", len(args))
	if f.Key != nil {
		// An order has some tens of records: always by its key, never by walking through time until enough of them came.
		return `WITH hit AS MATERIALIZED (SELECT ` + recordColumns + ` FROM record` + condition + `) SELECT ` + recordColumns + ` FROM hit` + order + n, args
	}
	return `SELECT ` + recordColumns + ` FROM record` + condition + order + n, args
}

const sqlLog = `
SELECT ` + recordColumns + ` FROM record
WHERE stream = $1 AND "offset" > $2 ORDER BY "offset" LIMIT $3`

// Log returns up to limit records of a stream behind an offset, in their order, fewer where they are big, and whether
// there are more.
func Log(ctx context.Context, db Querier, stream int16, after int64, limit int) (page []Row, more bool, err error) {
	return collect(ctx, db, sqlLog, []any{stream, after, limit + 1}, limit)
}

func collect(ctx context.Context, db Querier, sql string, args []any, limit int) (page []Row, more bool, err error) {
	rows, err := db.Query(ctx, sql, args...)
	if err != nil {
		return nil, false, fmt.Errorf("find records: %w", err)
	}
	defer rows.Close()
	bytes := 0
	for rows.Next() {
		if len(page) == limit || bytes > pageBytes {
			return page, true, nil
		}
		r, err := scanRow(rows)
		if err != nil {
			return nil, false, fmt.Errorf("find records: %w", err)
		}
		bytes += len(r.Key) + len(r.Value) + len(r.Headers)
		page = append(page, r)
	}
	if err := rows.Err(); err != nil {
		return nil, false, fmt.Errorf("find records: %w", err)
	}
	return page, false, nil
}

func scanRow(rows pgx.Rows) (r Row, err error) {
	err = rows.Scan(&r.AppendedAt, &r.Offset, &r.Stream, &r.Key, &r.Value, &r.Headers, &r.Type)
	return r, err
}
