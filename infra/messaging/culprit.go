package messaging

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// crowded is the size from which a batch is halved whatever the database says: it names one culprit at a time, and of so many
// messages there may be more.
const crowded = 500

// parts is what a batch that cannot be saved is taken apart into, to be committed in this order: at the message that the
// database names where it names one, else in halves. Either way the messages of a key, and the offsets of a topic's
// partition, keep their order.
func parts(items []item, err error) [][]item {
	if at := named(items, err); at >= 0 && len(items) <= crowded {
		before, after := cut(items, at)
		return [][]item{before, items[at : at+1], after}
	}
	first, rest := halve(items)
	return [][]item{first, rest}
}

// named returns the place of the first message whose key is in what the database says of a row that it refused, -1 where none
// is. It is a guess that saves halving: the message is blamed only where it fails alone.
func named(items []item, err error) int {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Detail == "" {
		return -1
	}
	for i := range items {
		if it := &items[i]; it.fate == handled && strings.Contains(pg.Detail, it.msg.Subject.String()) {
			return i
		}
	}
	return -1
}

// cut splits a batch into what may be committed before an item, which is what stands before it and all of other partitions,
// and what comes after it in its own.
func cut(items []item, at int) (before, after []item) {
	number := items[at].p.partition
	for i := range items {
		switch {
		case i < at || items[i].p.partition != number:
			before = append(before, items[i])
		case i > at:
			after = append(after, items[i])
		}
	}
	return before, after
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
