package messaging

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
)

// A batch is taken apart at the key that the database names, where it names one of the batch's, else in halves; and nothing
// of a partition is committed before what stands before it.
func TestParts(t *testing.T) {
	t.Parallel()
	p, q := &position{place: place{partition: 1}}, &position{place: place{partition: 2}}
	other := &position{place: place{topic: "other", partition: 1}}
	bad, good := uuid.New(), uuid.New()
	at := func(p *position, key uuid.UUID, fate outcome, n int) item {
		return item{p: p, fate: fate, tries: n, msg: Message{Subject: key}} // tries tells them apart here
	}
	batch := []item{at(p, good, handled, 0), at(q, good, handled, 1), at(p, bad, dead, 2), at(p, bad, handled, 3), at(other, bad, handled, 4), at(q, good, handled, 5), at(p, good, handled, 6)}
	refused := func(detail string) error {
		return fmt.Errorf("save: %w", &pgconn.PgError{Code: "23514", Detail: detail})
	}
	row := refused(fmt.Sprintf("Failing row contains (%s, 7, %s).", bad, uuid.New()))
	for name, c := range map[string]struct {
		items []item
		err   error
		want  string
	}{
		"named":                  {batch, row, "[0 1 2 5] [3] [4 6]"},
		"the first of all":       {batch[3:], row, "[5] [3] [4 6]"},
		"of one partition":       {batch[3:5], row, "[] [3] [4]"},
		"named by nobody":        {batch, refused(""), "[0 2 3 4 6] [1 5]"},
		"no database's":          {batch, errors.New(bad.String()), "[0 2 3 4 6] [1 5]"},
		"another key":            {batch, refused(fmt.Sprintf("Key (id)=(%s) already exists.", uuid.New())), "[0 2 3 4 6] [1 5]"},
		"only what is dead":      {batch[:3], row, "[0 2] [1]"},
		"in halves by offset":    {batch[2:5], refused(""), "[2] [3 4]"},
		"of too many, in halves": {crowd(p, bad), row, "250 251"},
	} {
		got := ""
		for i, part := range parts(c.items, c.err) {
			var numbers []int
			for _, it := range part {
				numbers = append(numbers, it.tries)
			}
			if i > 0 {
				got += " "
			}
			if len(c.items) > len(batch) {
				got += fmt.Sprint(len(part))
			} else {
				got += fmt.Sprint(numbers)
			}
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func crowd(p *position, key uuid.UUID) []item {
	items := make([]item, crowded+1)
	for i := range items {
		items[i] = item{p: p, msg: Message{Subject: key}}
	}
	return items
}
