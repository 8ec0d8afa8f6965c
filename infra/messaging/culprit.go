package messaging

import (
	"errors"
	"regexp"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
)

// crowded is the size from which a batch is halved whatever the database says: it accuses one message at a time, and of so
// many there may be more.
const crowded = 500

// culprit returns the place of the message that the database accuses, -1 where that is not certain. It says of which row it
// refused, and a row that begins with a message's key is made of the messages of that key alone: where the batch has only one
// to handle, that one.
func culprit(items []item, err error) int {
	var pg *pgconn.PgError
	if len(items) > crowded || !errors.As(err, &pg) {
		return -1
	}
	key := refusedKey(pg.Detail)
	if key == uuid.Nil {
		return -1
	}
	at := -1
	for i := range items {
		if items[i].msg.Subject != key || items[i].fate != handled {
			continue
		}
		if at >= 0 {
			return -1 // one of several
		}
		at = i
	}
	return at
}

// refusedRow is how PostgreSQL begins to tell which row it refused: by its values in the table's order, or by those of a key.
// PostgreSQL has it in other words in other languages (lc_messages): then nobody is accused.
var refusedRow = regexp.MustCompile(`^(?:Failing row contains |Key \([^()]*\)=)\(([0-9a-f-]{36})[,)]`)

// refusedKey is the first value of a refused row, where that is a message's key.
func refusedKey(detail string) uuid.UUID {
	found := refusedRow.FindStringSubmatch(detail)
	if found == nil {
		return uuid.Nil
	}
	key, err := uuid.Parse(found[1])
	if err != nil {
		return uuid.Nil
	}
	return key
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
