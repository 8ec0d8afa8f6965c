package crash

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// place is one partition of one topic, without the prefix.
type place struct {
	topic     string
	partition int32
}

// Machine is a messaging machine seen from outside: its database, by a pool that passes no ports, and what it consumes.
type Machine struct {
	Pool   *pgxpool.Pool
	Topics []string
}

// AtRest tells whether nothing more will come of what is in the log: the machines have read all of it, and what they said
// is published. The log must read every topic that they consume or write.
func (l *Log) AtRest(ctx context.Context, machines ...Machine) (bool, error) {
	before, err := l.ends(ctx)
	if err != nil {
		return false, err
	}
	for _, m := range machines {
		waiting, next, err := m.state(ctx)
		if err != nil {
			return false, err
		}
		if waiting > 0 {
			return false, nil
		}
		for at, end := range before {
			if slices.Contains(m.Topics, at.topic) && next[at] != end {
				return false, nil
			}
		}
	}
	after, err := l.ends(ctx)
	return err == nil && maps.Equal(before, after), err
}

// state is how many messages wait to be published, and where the machine reads on.
func (m Machine) state(ctx context.Context) (waiting int, next map[place]int64, err error) {
	next = map[place]int64{}
	rows, err := m.Pool.Query(ctx, `
SELECT (SELECT count(*) FROM outbox), coalesce(topic, ''), coalesce(partition, 0), coalesce(next, 0)
FROM (SELECT) AS one LEFT JOIN positions ON true`)
	if err == nil {
		var at place
		var n int64
		_, err = pgx.ForEachRow(rows, []any{&waiting, &at.topic, &at.partition, &n}, func() error {
			next[at] = n
			return nil
		})
	}
	if err != nil {
		return 0, nil, fmt.Errorf("look at a machine: %w", err)
	}
	return waiting, next, nil
}

// Lapse lets the relay's lease in a database run out.
func Lapse(ctx context.Context, pool *pgxpool.Pool) error {
	if _, err := pool.Exec(ctx, `UPDATE relay_lease SET expires_at = clock_timestamp()`); err != nil {
		return fmt.Errorf("let the relay's lease run out: %w", err)
	}
	return nil
}
