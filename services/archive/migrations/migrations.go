// Package migrations holds the archive's schema, and what its run role may do in it.
package migrations

import (
	"context"
	"embed"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"ordersaga.internal/infra/postgres"
)

// FS holds the goose migrations.
//
//go:embed 0*.sql
var FS embed.FS

//go:embed grants.sql
var grants string

// Table is goose's version table.
const Table = "goose_archive"

// Migrate brings the schema up to date as its owner. The run role gets less than other services' do: nobody updates or
// deletes what was archived.
func Migrate(ctx context.Context, ownerURL, runRole string) error {
	if ahead, err := postgres.Migrate(ctx, ownerURL, "", Table, FS); err != nil || ahead {
		return err // a later program's schema, and its grants, are not ours to change
	}
	conn, err := pgx.Connect(ctx, ownerURL)
	if err != nil {
		return fmt.Errorf("grant to %s: %w", runRole, err)
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing is pending
	var schema string
	if err := conn.QueryRow(ctx, `SELECT current_schema()`).Scan(&schema); err != nil {
		return fmt.Errorf("grant to %s: %w", runRole, err)
	}
	name := func(s string) string { return pgx.Identifier{s}.Sanitize() }
	sql := strings.NewReplacer("{schema}", name(schema), "{role}", name(runRole), "{versions}", name(Table)).Replace(grants)
	if _, err := conn.Exec(ctx, sql); err != nil { // without arguments: one implicit transaction
		return fmt.Errorf("grant to %s: %w", runRole, err)
	}
	return nil
}
