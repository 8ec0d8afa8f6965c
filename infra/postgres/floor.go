package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"

	"github.com/jackc/pgx/v5/pgxpool"
)

// goal is what a program's migrations lead to.
type goal struct {
	newest int64 // the last of them: what the program knows
	floor  int64 // what a program must know at least to run on that schema
}

// rule is the line by which every migration says what becomes of programs that do not know it:
//
//	-- +schema expands         all of them go on
//	-- +schema contracts 4     those that know migration 4 go on
var rule = regexp.MustCompile(`(?m)^-- \+schema (?:expands|contracts ([0-9]+))$`)

// floorOf returns the migration that one migration wants a program to know, 0 where it wants none.
func floorOf(version int64, content []byte) (int64, error) {
	found := rule.FindAllSubmatch(content, -1)
	if len(found) != 1 {
		return 0, errors.New("say once what becomes of older programs: a line `-- +schema expands` or `-- +schema contracts N`")
	}
	if len(found[0][1]) == 0 {
		return 0, nil
	}
	floor, err := strconv.ParseInt(string(found[0][1]), 10, 64)
	if err != nil || floor < 1 || floor > version {
		return 0, fmt.Errorf("`-- +schema contracts N` names the oldest migration that a program must know: 1 to %d", version)
	}
	return floor, nil
}

// readGoal reads it from the migrations.
func readGoal(fsys fs.FS) (goal, error) {
	p, err := provider(&sql.DB{}, "unused", fsys)
	if err != nil {
		return goal{}, err
	}
	var g goal
	for _, s := range p.ListSources() { // at least one, else there is no provider; sorted
		content, err := fs.ReadFile(folder(fsys), s.Path)
		if err != nil {
			return goal{}, err
		}
		floor, err := floorOf(s.Version, content)
		if err != nil {
			return goal{}, fmt.Errorf("migration %s: %w", s.Path, err)
		}
		g = goal{s.Version, max(g.floor, floor)}
	}
	return g, nil
}

// raise records what the schema wants programs to know before any migration runs: a program that starts meanwhile is refused
// rather than let in to what is about to be contracted.
func raise(ctx context.Context, db *sql.DB, table string, floor int64) error {
	const create = `CREATE TABLE IF NOT EXISTS schema_floor (version_table text PRIMARY KEY, floor bigint NOT NULL)`
	const record = `INSERT INTO schema_floor AS f (version_table, floor) VALUES ($1, $2)
		ON CONFLICT (version_table) DO UPDATE SET floor = greatest(f.floor, excluded.floor)`
	if _, err := db.ExecContext(ctx, create); err != nil {
		return err
	}
	_, err := db.ExecContext(ctx, record, table, floor)
	return err
}

// querier asks for one number: the owner through database/sql, the run role through its pool.
type querier func(ctx context.Context, query string, args []any, into any) error

func inPool(pool *pgxpool.Pool) querier {
	return func(ctx context.Context, query string, args []any, into any) error {
		return pool.QueryRow(ctx, query, args...).Scan(into)
	}
}

func inDB(db *sql.DB) querier {
	return func(ctx context.Context, query string, args []any, into any) error {
		return db.QueryRowContext(ctx, query, args...).Scan(into)
	}
}

// admit returns ErrNewerSchema where a schema that is ahead of the program, at migration have, does not take it.
func admit(ctx context.Context, ask querier, table string, have, known int64) error {
	var recorded bool
	if err := ask(ctx, `SELECT to_regclass('schema_floor') IS NOT NULL`, nil, &recorded); err != nil {
		return fmt.Errorf("look for schema_floor: %w", err)
	}
	floor := have // where nobody says otherwise
	if recorded {
		query := `SELECT coalesce((SELECT floor FROM schema_floor WHERE version_table = $1), $2)`
		if err := ask(ctx, query, []any{table, have}, &floor); err != nil {
			return fmt.Errorf("read schema_floor: %w", err)
		}
	}
	if known < floor {
		return fmt.Errorf("%w: %s is at %d and takes programs that know %d; this one knows %d", ErrNewerSchema, table, have, floor, known)
	}
	return nil
}
