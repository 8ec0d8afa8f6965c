package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// ErrNewerSchema says that a later program already migrated the schema.
var ErrNewerSchema = errors.New("the schema is newer than this program")

// ErrNotMigrated says that migrations are missing.
var ErrNotMigrated = errors.New("the schema is older than this program: run `migrate` first")

// Migrate applies the goose migrations in fsys (*.sql, at its root or in a folder "migrations") that are not yet recorded in
// the given version table, one transaction each, and then lets runRole read and write, but not change, everything in
// the current schema. Empty runRole: no grants. Runs of several processes wait for each other. A schema newer than fsys
// is refused with ErrNewerSchema.
func Migrate(ctx context.Context, ownerURL, runRole, table string, fsys fs.FS) error {
	c, err := pgx.ParseConfig(ownerURL)
	if err != nil {
		return fmt.Errorf("owner's database URL: %w", err)
	}
	db := stdlib.OpenDB(*c)
	defer func() { _ = db.Close() }()

	unlock, err := lock(ctx, db, table)
	if err != nil {
		return fmt.Errorf("reach PostgreSQL at %s:%d as owner: %w", c.Host, c.Port, err)
	}
	defer unlock()
	if err := up(ctx, db, table, fsys); err != nil {
		return fmt.Errorf("migrate %s: %w", table, err)
	}
	if runRole == "" || runRole == c.User {
		return nil
	}
	if err := grant(ctx, db, runRole); err != nil {
		return fmt.Errorf("grant to %s: %w", runRole, err)
	}
	return nil
}

// CheckMigrated returns ErrNotMigrated or ErrNewerSchema where the schema that pool sees is not exactly what fsys leads
// to. The run role can do it.
func CheckMigrated(ctx context.Context, pool *pgxpool.Pool, table string, fsys fs.FS) error {
	want, err := newest(fsys)
	if err != nil {
		return err
	}
	var exists bool
	if err := pool.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, table).Scan(&exists); err != nil {
		return fmt.Errorf("look for %s: %w", table, err)
	}
	if !exists {
		return fmt.Errorf("%w (no table %s)", ErrNotMigrated, table)
	}
	var have int64
	query := `SELECT coalesce(max(version_id), 0) FROM ` + pgx.Identifier{table}.Sanitize() + ` WHERE is_applied`
	if err := pool.QueryRow(ctx, query).Scan(&have); err != nil {
		return fmt.Errorf("read %s: %w", table, err)
	}
	switch {
	case have < want:
		return fmt.Errorf("%w (%s is at %d of %d)", ErrNotMigrated, table, have, want)
	case have > want:
		return fmt.Errorf("%w (%s is at %d, the program knows %d)", ErrNewerSchema, table, have, want)
	}
	return nil
}

// lock serialises migrations of one version table in one schema. It is held by the returned function's connection.
func lock(ctx context.Context, db *sql.DB, table string) (unlock func(), err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	const take = `SELECT pg_advisory_lock(hashtextextended(current_schema() || '.' || $1, 0))`
	if _, err := conn.ExecContext(ctx, take, table); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return func() { _ = conn.Close() }, nil // db.Close follows, which ends the session and so frees the lock
}

func up(ctx context.Context, db *sql.DB, table string, fsys fs.FS) error {
	p, err := provider(db, table, fsys)
	if err != nil {
		return err
	}
	have, want, err := p.GetVersions(ctx)
	if err != nil {
		return err
	}
	if have > want {
		return fmt.Errorf("%w (it is at %d, the program knows %d)", ErrNewerSchema, have, want)
	}
	_, err = p.Up(ctx)
	return err
}

func provider(db *sql.DB, table string, fsys fs.FS) (*goose.Provider, error) {
	if info, err := fs.Stat(fsys, "migrations"); err == nil && info.IsDir() {
		if fsys, err = fs.Sub(fsys, "migrations"); err != nil {
			return nil, err
		}
	}
	return goose.NewProvider(goose.DialectPostgres, db, fsys,
		goose.WithTableName(table), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
}

func newest(fsys fs.FS) (int64, error) {
	p, err := provider(&sql.DB{}, "unused", fsys)
	if err != nil {
		return 0, err
	}
	sources := p.ListSources()
	return sources[len(sources)-1].Version, nil // at least one, else NewProvider fails; sorted
}

// grant is one implicit transaction, so that no reader sees half of it.
func grant(ctx context.Context, db *sql.DB, role string) error {
	var schema string
	if err := db.QueryRowContext(ctx, `SELECT current_schema()`).Scan(&schema); err != nil {
		return err
	}
	s, r := pgx.Identifier{schema}.Sanitize(), pgx.Identifier{role}.Sanitize()
	statements := []string{
		`GRANT USAGE ON SCHEMA ` + s + ` TO ` + r,
		`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ` + s + ` TO ` + r,
		`GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA ` + s + ` TO ` + r,
		`GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ` + s + ` TO ` + r,
		`ALTER DEFAULT PRIVILEGES IN SCHEMA ` + s + ` GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ` + r,
		`ALTER DEFAULT PRIVILEGES IN SCHEMA ` + s + ` GRANT USAGE, SELECT ON SEQUENCES TO ` + r,
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return tx.Commit()
}
