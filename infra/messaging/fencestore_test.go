package messaging

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"pgregory.net/rapid"

	"ordersaga.internal/infra/testkit"
)

func testDatabase(t *testing.T) *testkit.DB {
	t.Helper()
	return testkit.Postgres(t, testkit.Migration{Table: MigrationsTable, FS: Migrations})
}

func loadTestFence(ctx context.Context, tx pgx.Tx, subjects ...uuid.UUID) (*Fence, error) {
	in := make([]Message, len(subjects))
	for i := range subjects {
		in[i].Subject = subjects[i]
	}
	return LoadFence(ctx, tx, FenceConfig{
		Codec: facts{}, Source: "/services/test", Now: func() time.Time { return fenceTime },
	}, in)
}

// A fence that is saved and loaded after every step says what one in memory says.
func TestFenceSurvivesTheDatabase(t *testing.T) {
	t.Parallel()
	db := testDatabase(t)
	steps := rapid.SampledFrom([]string{
		"do 1 ok", "do 1 open", "do 2 ok", "do 3 error", "undo 1 ok", "undo 1 open", "undo 2 ok", "undo 3 open", "answer do", "answer undo",
		"fail", "emit",
	})
	rapid.Check(t, func(rt *rapid.T) {
		if _, err := db.Pool.Exec(t.Context(), `TRUNCATE fence`); err != nil {
			rt.Fatal(err)
		}
		memory := testFence()
		for range rapid.IntRange(1, 12).Draw(rt, "length") {
			step := steps.Draw(rt, "step")
			want, wantErr := playWords(memory, step)
			err := pgx.BeginFunc(t.Context(), db.Pool, func(tx pgx.Tx) error {
				f, err := loadTestFence(t.Context(), tx, testSubject, uuid.Max)
				if err != nil {
					return err
				}
				got, gotErr := playWords(f, step)
				if fmt.Sprint(wantErr) != fmt.Sprint(gotErr) || records(got) != records(want) {
					return fmt.Errorf("%s:\ngot  %s %w\nwant %s %w", step, records(got), gotErr, records(want), wantErr)
				}
				return f.Save(t.Context(), tx)
			})
			if err != nil {
				rt.Fatal(err)
			}
		}
	})
}

// Two transactions that both found nothing: the second must not overwrite what the first remembers.
func TestFenceRefusesToOverwrite(t *testing.T) {
	t.Parallel()
	db := testDatabase(t)
	first, second := begin(t, db), begin(t, db)
	one, err := loadTestFence(t.Context(), first, testSubject)
	if err != nil {
		t.Fatal(err)
	}
	two, err := loadTestFence(t.Context(), second, testSubject)
	if err != nil {
		t.Fatal(err)
	}
	play(t, one, "do 1 ok")
	play(t, two, "do 1 ok")
	if err := errors.Join(one.Save(t.Context(), first), first.Commit(t.Context())); err != nil {
		t.Fatal(err)
	}
	var conflict *pgconn.PgError
	if err := two.Save(t.Context(), second); !errors.As(err, &conflict) || conflict.Code != "23505" {
		t.Errorf("error %v, want a unique violation", err)
	}
}

// A transaction that waited for another's lock sees what that one added, and so never draws a sequence twice.
func TestFenceSeesWhatItWaitedFor(t *testing.T) {
	t.Parallel()
	db := testDatabase(t)
	setup := begin(t, db)
	f, err := loadTestFence(t.Context(), setup, testSubject)
	if err != nil {
		t.Fatal(err)
	}
	play(t, f, "emit")
	if err := errors.Join(f.Save(t.Context(), setup), setup.Commit(t.Context())); err != nil {
		t.Fatal(err)
	}

	first := begin(t, db)
	if f, err = loadTestFence(t.Context(), first, testSubject); err != nil {
		t.Fatal(err)
	}
	second := begin(t, db)
	loaded := make(chan *Fence, 1)
	failed := make(chan error, 1)
	go func() {
		f, err := loadTestFence(t.Context(), second, testSubject)
		failed <- err
		loaded <- f
	}()
	pid := second.Conn().PgConn().PID()
	testkit.Eventually(t, func() bool {
		var waiting bool
		err := db.Pool.QueryRow(t.Context(), `SELECT cardinality(pg_blocking_pids($1)) > 0`, pid).Scan(&waiting)
		return err == nil && waiting
	}, "the second transaction waits")
	play(t, f, "do 1 ok") // a new row, sequence 2
	if err := errors.Join(f.Save(t.Context(), first), first.Commit(t.Context())); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	if got := play(t, <-loaded, "emit, do 1 ok, do 2 ok"); got != "Event#3, -, Done#2" {
		t.Errorf("after the wait: %s", got)
	}
}

func begin(t *testing.T, db *testkit.DB) pgx.Tx {
	t.Helper()
	tx, err := db.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	return tx
}

func records(out []Message) (text string) {
	for i := range out {
		text += fmt.Sprintf("%+v\n", toRecord("", &out[i]))
	}
	return text
}
