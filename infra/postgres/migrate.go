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

// ErrNewerSchema says that a later program migrated the schema to what this one cannot run on.
var ErrNewerSchema = errors.New("the schema is too new for this program")

// ErrNotMigrated says that migrations are missing.
var ErrNotMigrated = errors.New("the schema is older than this program: run `migrate` first")

// Migrate applies the goose migrations in fsys (*.sql, at its root or in a folder "migrations") that are not yet recorded in
// the given version table, one transaction each, and then lets runRole read and write, but not change, everything in
// the current schema. Empty runRole: no grants. Runs of several processes wait for each other.
//
// Every migration says what becomes of older programs, by a line "-- +schema expands" or "-- +schema contracts N": N is the
// oldest migration that a program must know to run on after it. Where a later program migrated the schema already, and it
// takes this one, nothing is done and ahead is true; where it does not, that is ErrNewerSchema.
func Migrate(ctx context.Context, ownerURL, runRole, table string, fsys fs.FS) (ahead bool, err error) {
	c, err := pgx.ParseConfig(ownerURL)
	if err != nil {
		return false, fmt.Errorf("owner's database URL: %w", err)
	}
	db := stdlib.OpenDB(*c)
	defer func() { _ = db.Close() }()

	unlock, err := lock(ctx, db)
	if err != nil {
		return false, fmt.Errorf("reach PostgreSQL at %s:%d as owner: %w", c.Host, c.Port, err)
	}
	defer unlock()
	if ahead, err = up(ctx, db, table, fsys); err != nil {
		return false, fmt.Errorf("migrate %s: %w", table, err)
	}
	if ahead || runRole == "" || runRole == c.User {
		return ahead, nil
	}
	if err := grant(ctx, db, runRole); err != nil {
		return false, fmt.Errorf("grant to %s: %w", runRole, err)
	}
	return false, nil
}

// CheckMigrated returns ErrNotMigrated where the schema that pool sees lacks a migration of fsys, and ErrNewerSchema where a
// later program migrated it to what takes no program that knows only fsys. The run role can do it.
func CheckMigrated(ctx context.Context, pool *pgxpool.Pool, table string, fsys fs.FS) error {
	want, err := readGoal(fsys)
	if err != nil {
		return err
	}
	ask := inPool(pool)
	var exists bool
	if err := ask(ctx, `SELECT to_regclass($1) IS NOT NULL`, []any{table}, &exists); err != nil {
		return fmt.Errorf("look for %s: %w", table, err)
	}
	if !exists {
		return fmt.Errorf("%w (no table %s)", ErrNotMigrated, table)
	}
	var have int64
	query := `SELECT coalesce(max(version_id), 0) FROM ` + pgx.Identifier{table}.Sanitize() + ` WHERE is_applied`
	if err := ask(ctx, query, nil, &have); err != nil {
		return fmt.Errorf("read %s: %w", table, err)
	}
	if have < want.newest {
		return fmt.Errorf("%w (%s is at %d of %d)", ErrNotMigrated, table, have, want.newest)
	}
	if have > want.newest {
		return admit(ctx, ask, table, have, want.newest)
	}
	return nil
}

// lock serialises migrations of one schema. It is held by the returned function's connection.
func lock(ctx context.Context, db *sql.DB) (unlock func(), err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	const take = `SELECT pg_advisory_lock(hashtextextended(current_schema() || '.migrate', 0))`
	if _, err := conn.ExecContext(ctx, take); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return func() { _ = conn.Close() }, nil // db.Close follows, which ends the session and so frees the lock
}

// up brings the schema to what fsys leads to, or tells that it is ahead of that.
func up(ctx context.Context, db *sql.DB, table string, fsys fs.FS) (ahead bool, err error) {
	want, err := readGoal(fsys)
	if err != nil {
		return false, err
	}
	p, err := provider(db, table, fsys)
	if err != nil {
		return false, err
	}
	have, err := p.GetDBVersion(ctx)
	if err != nil {
		return false, err
	}
	if have > want.newest {
		return true, admit(ctx, inDB(db), table, have, want.newest)
	}
	if err := raise(ctx, db, table, want.floor); err != nil {
		return false, fmt.Errorf("record its floor: %w", err)
	}
	_, err = p.Up(ctx)
	return false, err
}

func provider(db *sql.DB, table string, fsys fs.FS) (*goose.Provider, error) {
	return goose.NewProvider(goose.DialectPostgres, db, folder(fsys),
		goose.WithTableName(table), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
}

// folder is where the migrations are in fsys.
func folder(fsys fs.FS) fs.FS {
	if info, err := fs.Stat(fsys, "migrations"); err == nil && info.IsDir() {
		if sub, err := fs.Sub(fsys, "migrations"); err == nil {
			return sub
		}
	}
	return fsys
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
