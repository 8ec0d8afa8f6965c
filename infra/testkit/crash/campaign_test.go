package crash

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ordersaga.internal/infra/postgres"
	"ordersaga.internal/infra/testkit"
)

// counter is a program that counts each thing once: rightly, or in a way that only crashes show to be wrong.
type counter struct {
	pool *pgxpool.Pool
	work func(ctx context.Context, pool *pgxpool.Pool, id int) error
}

func (c *counter) Ready(ctx context.Context) error { return c.pool.Ping(ctx) }
func (c *counter) Close()                          { c.pool.Close() }

func (c *counter) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		var id int
		err := c.pool.QueryRow(ctx, `SELECT id FROM thing WHERE NOT done ORDER BY id LIMIT 1`).Scan(&id)
		if err == nil {
			err = c.work(ctx, c.pool, id)
		}
		if err != nil {
			select {
			case <-ctx.Done():
			case <-time.After(time.Millisecond):
			}
		}
	}
	return nil
}

// rightly counts and remembers in one transaction, and only what is not remembered.
func rightly(ctx context.Context, pool *pgxpool.Pool, id int) error {
	_, err := pool.Exec(ctx, `UPDATE thing SET count = count + 1, done = true WHERE id = $1 AND NOT done`, id)
	return err
}

// twice remembers too late.
func twice(ctx context.Context, pool *pgxpool.Pool, id int) error {
	if _, err := pool.Exec(ctx, `UPDATE thing SET count = count + 1 WHERE id = $1`, id); err != nil {
		return err
	}
	_, err := pool.Exec(ctx, `UPDATE thing SET done = true WHERE id = $1`, id)
	return err
}

// never remembers too early.
func never(ctx context.Context, pool *pgxpool.Pool, id int) error {
	batch := &pgx.Batch{}
	batch.Queue(`UPDATE thing SET done = true WHERE id = $1`, id)
	if err := pool.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	_, err := pool.Exec(ctx, `UPDATE thing SET count = count + 1 WHERE id = $1`, id)
	return err
}

// shelf is the counter's world.
type shelf struct {
	db   *testkit.DB
	work func(ctx context.Context, pool *pgxpool.Pool, id int) error
	ids  atomic.Int64
}

func (s *shelf) Start(p *Ports) (*counter, error) {
	pool, err := postgres.Open(p.Dead, s.db.URL, p.Database)
	return &counter{pool, s.work}, err
}

func (s *shelf) Lapse(context.Context) error { return nil }

func play(w *shelf, s *Stage[*counter]) (func() (string, error), error) {
	id := w.ids.Add(1)
	_, err := w.db.Pool.Exec(s.Context(), `INSERT INTO thing (id) VALUES ($1)`, id)
	return func() (string, error) {
		var count int
		err := s.Await("the thing is done", func() (done bool, err error) {
			err = w.db.Pool.QueryRow(s.Context(), `SELECT done, count FROM thing WHERE id = $1`, id).Scan(&done, &count)
			return done && (count > 0 || s.Context().Err() != nil), err
		})
		return fmt.Sprint("counted ", count), err
	}, err
}

func config(work func(context.Context, *pgxpool.Pool, int) error) Config[*shelf, *counter] {
	return Config[*shelf, *counter]{
		World: func(t *testing.T) *shelf { return &shelf{db: testkit.Postgres(t, things), work: work} },
		Scenarios: []Scenario[*shelf, *counter]{
			{Name: "running", Play: play, Most: 2}, {Name: "whole life", Play: play, Whole: true, Most: 2},
		},
	}
}

func quick() settings {
	return settings{lanes: 2, looks: 2, pairs: 5, seed: 1, times: 1, patience: 5 * time.Second}
}

func TestARightProgramHasNoViolation(t *testing.T) {
	t.Parallel()
	r := examine(t, config(rightly), quick())
	if len(r.Violations) > 0 || r.Singles < 20 || r.Pairs == 0 || len(r.Never) > r.Singles/10 {
		t.Errorf("%s\n%s\n%s", r, r.Violations, r.Never)
	}
}

func TestWrongProgramsAreFound(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string]struct {
		work func(context.Context, *pgxpool.Pool, int) error
		want string
	}{"twice": {twice, "too much: counted 2"}, "never": {never, "in vain: the thing is done"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := quick()
			set.patience = 2 * time.Second
			r := examine(t, config(wrong.work), set)
			all := strings.Join(r.Violations, "\n")
			if !strings.Contains(all, wrong.want) || !strings.Contains(all, "ORDERSAGA_CRASH_REPLAY='") {
				t.Errorf("%s\n%s", r, all)
			}
		})
	}
}

// What is printed for a violation finds it again.
func TestAViolationReplays(t *testing.T) {
	t.Parallel()
	set := quick()
	set.replay = "running: db update thing #1 after"
	if r := examine(t, config(twice), set); len(r.Violations) != 1 || !strings.Contains(r.Violations[0], "too much: counted 2") {
		t.Errorf("%s\n%s", r, r.Violations)
	}
	if r := examine(t, config(rightly), set); len(r.Violations) != 0 || r.Singles != 1 {
		t.Errorf("%s\n%s", r, r.Violations)
	}
}

// A fault that does not happen is no run.
func TestWhatNeverHappensIsNotCounted(t *testing.T) {
	t.Parallel()
	set := quick()
	set.replay = "running: db delete thing #1 after"
	if r := examine(t, config(rightly), set); r.Singles != 0 || len(r.Never) != 1 || len(r.Violations) != 0 {
		t.Errorf("%s\n%s", r, r.Never)
	}
}
