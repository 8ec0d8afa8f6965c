package main

import (
	"context"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"

	"ordersaga.internal/scripts/internal/stack"
)

// printStatements prints the SQL statements that took the most time, of all databases.
func printStatements(ctx context.Context, s *stack.Stack, out io.Writer) error {
	url, err := s.Database("postgres")
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("statements: %w", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // read only
	if _, err := conn.Exec(ctx, "CREATE EXTENSION IF NOT EXISTS pg_stat_statements"); err != nil {
		return fmt.Errorf("statements: %w", err)
	}
	rows, err := conn.Query(ctx, `SELECT datname, calls, total_exec_time, rows, wal_bytes / 1024, left(regexp_replace(query, '\s+', ' ', 'g'), 110)
		FROM pg_stat_statements JOIN pg_database d ON d.oid = dbid ORDER BY total_exec_time DESC LIMIT 30`)
	if err != nil {
		return fmt.Errorf("statements: %w", err)
	}
	var db, query string
	var calls, n int64
	var total, wal float64
	fmt.Fprintf(out, "%-14s %8s %10s %9s %9s  %s\n", "database", "calls", "total ms", "rows", "WAL kB", "statement")
	_, err = pgx.ForEachRow(rows, []any{&db, &calls, &total, &n, &wal, &query}, func() error {
		_, err := fmt.Fprintf(out, "%-14s %8d %10.0f %9d %9.0f  %s\n", db, calls, total, n, wal, query)
		return err
	})
	if err != nil {
		return fmt.Errorf("statements: %w", err)
	}
	return nil
}
