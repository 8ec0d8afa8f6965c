package messaging

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
)

// Rewinds returns what operators let be read again, the newest first: at most limit of those with an id below before (0: all).
func (m *Machine[S]) Rewinds(ctx context.Context, before int64, limit int) ([]Rewound, error) {
	rows, err := m.deps.Pool.Query(ctx, `SELECT `+rewoundColumns+` FROM rewinds WHERE "group" = $1 AND id < $2 ORDER BY id DESC LIMIT $3`,
		m.cfg.Service, below(before), limit)
	if err != nil {
		return nil, fmt.Errorf("read rewinds: %w", err)
	}
	out, err := pgx.CollectRows(rows, scanRewound)
	if err != nil {
		return nil, fmt.Errorf("read rewinds: %w", err)
	}
	return out, nil
}

// findRewind returns what a wish did that came before.
func (m *Machine[S]) findRewind(ctx context.Context, tx pgx.Tx, w Wish) (r Rewound, found bool, err error) {
	if w.Key == "" {
		return r, false, nil
	}
	rows, err := tx.Query(ctx, `SELECT `+rewoundColumns+` FROM rewinds WHERE "group" = $1 AND operator = $2 AND key = $3`,
		m.cfg.Service, w.Operator, w.Key)
	if err == nil {
		r, err = pgx.CollectOneRow(rows, scanRewound)
	}
	if errors.Is(err, pgx.ErrNoRows) {
		return r, false, nil
	}
	return r, err == nil, err
}

func scanRewound(row pgx.CollectableRow) (r Rewound, err error) {
	err = row.Scan(&r.ID, &r.At, &r.Operator, &r.Reason, &r.Target, &r.Moves)
	return r, err
}

// extent is what the log of a partition holds.
type extent struct {
	id             uuid.UUID // of the topic
	start, end, at int64     // at: of the first record that was written at a time or later; end where there is none
}

// logs asks Kafka for the partitions that the group reads.
func (m *Machine[S]) logs(ctx context.Context, at time.Time) (map[place]extent, error) {
	client, err := m.deps.Kafka()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoKafka, err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	look := kadm.NewClient(client)
	topics := make([]string, len(m.cfg.Topics))
	for i, topic := range m.cfg.Topics {
		topics[i] = m.cfg.TopicPrefix + topic
	}
	found, err := look.ListTopics(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoKafka, err)
	}
	ask := func(list func(context.Context, ...string) (kadm.ListedOffsets, error)) kadm.ListedOffsets {
		if err != nil {
			return nil
		}
		var listed kadm.ListedOffsets
		if listed, err = list(ctx, topics...); err == nil {
			err = listed.Error()
		}
		return listed
	}
	starts, ends := ask(look.ListStartOffsets), ask(look.ListEndOffsets)
	from := starts
	if !at.IsZero() {
		from = ask(func(ctx context.Context, topics ...string) (kadm.ListedOffsets, error) {
			return look.ListOffsetsAfterMilli(ctx, at.UnixMilli(), topics...)
		})
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoKafka, err)
	}
	out := map[place]extent{}
	starts.Each(func(start kadm.ListedOffset) {
		end, _ := ends.Lookup(start.Topic, start.Partition)
		first, _ := from.Lookup(start.Topic, start.Partition)
		out[place{strings.TrimPrefix(start.Topic, m.cfg.TopicPrefix), start.Partition}] = extent{
			id: uuid.UUID(found[start.Topic].ID), start: start.Offset, end: end.Offset, at: first.Offset,
		}
	})
	return out, nil
}
