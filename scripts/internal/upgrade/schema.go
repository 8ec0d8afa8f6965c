package upgrade

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

// newestIn reads the newest migration of every version table of a database.
func newestIn(ctx context.Context, url string, see func(table string, newest int64)) (err error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	rows, err := conn.Query(ctx, `SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename LIKE 'goose\_%'`)
	if err != nil {
		return err
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, table := range tables {
		var n int64
		query := `SELECT coalesce(max(version_id), 0) FROM ` + pgx.Identifier{table}.Sanitize() + ` WHERE is_applied`
		if err := conn.QueryRow(ctx, query).Scan(&n); err != nil {
			return err
		}
		see(table, n)
	}
	return nil
}
