//go:build crash

package messaging_test

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ordersaga.internal/infra/messaging"
)

// Operators edit and redrive what is behind one key, and discard what is behind another. A wish that got no answer is
// repeated with its key.
func playOperators(g *graveyard, s *stage) (end, error) {
	keys := together(2)
	mended, emptied := keys[0], keys[1]
	for _, subject := range keys {
		err := g.put(s.Context(),
			messaging.Message{Subject: subject, Sequence: 1, Body: add{Text: "a", Trouble: "undecidable"}},
			messaging.Message{Subject: subject, Sequence: 2, Body: add{Text: "b"}})
		if err != nil {
			return nil, err
		}
	}
	ids := map[uuid.UUID][]int64{}
	for _, subject := range keys {
		err := s.Await("the letters", func() (bool, error) {
			rows, err := g.db.Pool.Query(s.Context(), `SELECT id FROM dead_letters WHERE subject = $1 ORDER BY id`, subject)
			if err == nil {
				ids[subject], err = pgx.CollectRows(rows, pgx.RowTo[int64])
			}
			return len(ids[subject]) == 2, err
		})
		if err != nil {
			return nil, err
		}
	}
	wish := func(key string) messaging.Wish { return messaging.Wish{Operator: "olga", Reason: "a test", Key: key} }
	for _, ask := range []func(ctx context.Context, it *perishable) error{
		func(ctx context.Context, it *perishable) error {
			_, err := it.EditLetter(ctx, ids[mended][0], messaging.Edit{Value: []byte(`{"text":"mended"}`)}, wish("edit"))
			return err
		},
		func(ctx context.Context, it *perishable) error {
			entry, err := it.Redrive(ctx, ids[mended][1], wish("redrive"))
			if err == nil && (entry.Handled != 2 || entry.Left != 0) {
				err = fmt.Errorf("%d handled, %d left", entry.Handled, entry.Left)
			}
			return err
		},
		func(ctx context.Context, it *perishable) error {
			_, err := it.DiscardLetter(ctx, ids[emptied][1], wish("discard"))
			return err
		},
		func(ctx context.Context, it *perishable) error {
			_, err := it.DiscardLetter(ctx, ids[emptied][0], wish("discard"))
			return err
		},
	} {
		if err := s.Try("an operator's wish", ask); err != nil {
			return nil, err
		}
	}
	ending := g.ending(s, "added.v1", 2, mended)
	return func() (string, error) {
		if _, err := ending(); err != nil {
			return "", err
		}
		return g.told(s.Context(), keys)
	}, nil
}
