package messaging

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// crowded is the size from which a batch is halved whatever the database says: it names one culprit at a time, and of so many
// messages there may be more.
const crowded = 500

// suspect returns the place of the message that is to be tried alone because the database names its key, -1 where there is
// none: then the batch is halved. What closes letters is no suspect: they would be closed though it failed.
func (w *worker[S]) suspect(items []item, err error) int {
	at := named(items, err)
	if at < 0 || len(items) > crowded || items[at].suspect || w.m.superseder != nil && len(w.m.superseder.Supersedes(items[at].msg)) > 0 {
		return -1
	}
	return at
}

// named returns the place of the first message whose key is in what the database says of a row that it refused, -1 where none
// is. It is a guess that saves transactions: the message is blamed only where it fails alone.
func named(items []item, err error) int {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Detail == "" {
		return -1
	}
	for i := range items {
		if it := &items[i]; it.fate == handled && !it.suspect && strings.Contains(pg.Detail, it.msg.Subject.String()) {
			return i
		}
	}
	return -1
}

// tryAlone handles a suspect by itself, in the transaction of its batch. Where that fails, nothing of it is left there but its
// letter, and all that comes later of its key waits behind.
func (w *worker[S]) tryAlone(ctx context.Context, tx pgx.Tx, items []item, at int, letters *letters, counts tally) (s *S, out []Message, err error) {
	it := &items[at]
	if _, err := tx.Exec(ctx, "savepoint suspect"); err != nil {
		return nil, nil, fmt.Errorf("try a message alone: %w", err)
	}
	own := make(tally, 1)
	state, out, err := w.decideAll(ctx, tx, items, []int{at}, letters, own)
	if err == nil {
		counts.merge(own)
		return &state, out, nil
	}
	if verdictOn(err) != poison {
		return nil, nil, err
	}
	if _, err := tx.Exec(ctx, "rollback to suspect"); err != nil {
		return nil, nil, fmt.Errorf("try a message alone: %w", err)
	}
	it.tries++
	letters.add(it, reasonPoison, err)
	counts.add(it.p.topic, dead)
	return nil, nil, nil
}

// halve splits by partition where there are several, else by prefix, which keeps the order of each topic's offsets.
func halve(items []item) (first, rest []item) {
	numbers := make(map[int32]bool)
	var split []int32
	for i := range items {
		if n := items[i].p.partition; !numbers[n] {
			numbers[n] = true
			split = append(split, n)
		}
	}
	if len(split) == 1 {
		return items[:len(items)/2], items[len(items)/2:]
	}
	for _, n := range split[len(split)/2:] {
		numbers[n] = false
	}
	for _, it := range items {
		if numbers[it.p.partition] {
			first = append(first, it)
		} else {
			rest = append(rest, it)
		}
	}
	return first, rest
}
