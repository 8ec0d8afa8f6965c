package read

import (
	"context"
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"ordersaga.internal/scripts/internal/check"
)

// database is one of the four, read only.
type database struct {
	name string
	pool *pgxpool.Pool
}

func openDatabase(ctx context.Context, server, name string) (*database, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", name, err)
	}
	u.Path = "/" + name
	config, err := pgxpool.ParseConfig(u.String())
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", name, err)
	}
	config.MaxConns = 4
	config.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
	config.ConnConfig.RuntimeParams["application_name"] = "check"
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), config)
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", name, err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("database %s: %w: %w", name, ErrUnreachable, err)
	}
	return &database{name, pool}, nil
}

// each calls see for every row of a query.
func (d *database) each(ctx context.Context, sql string, args []any, targets []any, see func() error) error {
	rows, err := d.pool.Query(ctx, sql, args...)
	if err != nil {
		return fmt.Errorf("read %s: %w", d.name, err)
	}
	if _, err := pgx.ForEachRow(rows, targets, see); err != nil {
		return fmt.Errorf("read %s: %w", d.name, err)
	}
	return nil
}

// Rest implements check.Source.
func (l *Live) Rest(ctx context.Context) (check.Rest, error) {
	r := check.Rest{Outboxes: map[string]int64{}}
	heads := []pgtype.UUID{} // nil would be NULL, and nothing is unlike all of that
	// The logs first: what comes later is then seen as a position that is too far, or as an outbox that is not empty.
	if err := l.offsets(ctx, &r); err != nil {
		return r, err
	}
	for name, d := range l.databases {
		var p check.Position
		err := d.each(ctx, `SELECT "group", topic, partition, next FROM positions`, nil,
			[]any{&p.Group, &p.Topic, &p.Partition, &p.Next}, func() error {
				r.Positions = append(r.Positions, p)
				return nil
			})
		if err != nil {
			return r, err
		}
		var n int64
		if err := d.each(ctx, `SELECT count(*) FROM outbox`, nil, []any{&n}, func() error { r.Outboxes[name] = n; return nil }); err != nil {
			return r, err
		}
		var head pgtype.UUID
		if err := d.each(ctx, `SELECT subject FROM dead_letter_heads`, nil, []any{&head}, func() error { heads = append(heads, head); return nil }); err != nil {
			return r, err
		}
	}
	err := l.databases["processmanager"].each(ctx,
		`SELECT count(*) FROM instance WHERE finished_at IS NULL AND stuck = '' AND order_id <> ALL ($1)`, []any{heads},
		[]any{&r.Waiting}, func() error { return nil })
	if err != nil {
		return r, err
	}
	err = l.databases["payments"].each(ctx, `SELECT count(*) FROM operation WHERE due_at IS NOT NULL AND order_id <> ALL ($1)`, []any{heads},
		[]any{&r.Calls}, func() error { return nil })
	return r, err
}

// Subjects implements check.Source.
func (l *Live) Subjects(ctx context.Context, see func(string, check.ID) error) error {
	for _, t := range []struct{ database, table, column string }{
		{"orders", "orders", "order_id"}, {"orders", "fence", "subject"}, {"payments", "operation", "order_id"}, {"payments", "fence", "subject"},
		{"warehouse", "holds", "order_id"}, {"warehouse", "fence", "subject"},
		{"processmanager", "instance", "order_id"}, {"processmanager", "history", "order_id"},
	} {
		var id check.ID
		name := t.database + "." + t.table
		err := l.databases[t.database].each(ctx, "SELECT DISTINCT "+t.column+" FROM "+t.table, nil, []any{(*[16]byte)(&id)}, func() error { return see(name, id) })
		if err != nil {
			return err
		}
	}
	return nil
}
