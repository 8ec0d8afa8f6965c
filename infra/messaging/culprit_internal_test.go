package messaging

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
)

type undoes string

func (u undoes) Supersedes(in Message) []string {
	if in.Type == string(u) {
		return []string{"open"}
	}
	return nil
}

// The suspect is the first message that could be handled of the key that the database names, once; otherwise it is halved.
func TestSuspect(t *testing.T) {
	t.Parallel()
	w := &worker[int]{m: &Machine[int]{superseder: undoes("undo.v1")}}
	bad, good := uuid.New(), uuid.New()
	refused := func(detail string) error {
		return ofBatch("save", &pgconn.PgError{Code: "23514", Detail: detail, Message: bad.String()})
	}
	row := refused(fmt.Sprintf("Failing row contains (%s, 7, %s).", bad, uuid.New()))
	of := func(key uuid.UUID, change func(*item)) item {
		it := item{msg: Message{Subject: key}}
		if change != nil {
			change(&it)
		}
		return it
	}
	crowd := make([]item, crowded)
	for name, c := range map[string]struct {
		items []item
		err   error
		want  int
	}{
		"the first of its key":      {[]item{of(good, nil), of(bad, nil), of(bad, nil)}, row, 1},
		"not what is dead already":  {[]item{of(bad, func(it *item) { it.fate = dead }), of(bad, nil)}, row, 1},
		"not again":                 {[]item{of(bad, func(it *item) { it.suspect = true }), of(bad, nil)}, row, 1},
		"nobody is left":            {[]item{of(bad, func(it *item) { it.suspect = true }), of(good, nil)}, row, -1},
		"nobody of the batch":       {[]item{of(good, nil), of(good, nil)}, row, -1},
		"the database says nothing": {[]item{of(good, nil), of(bad, nil)}, refused(""), -1},
		"no database's error":       {[]item{of(good, nil), of(bad, nil)}, errors.New(bad.String()), -1},
		"it closes letters":         {[]item{of(good, nil), of(bad, func(it *item) { it.msg.Type = "undo.v1" })}, row, -1},
		"many":                      {append([]item{of(bad, nil)}, crowd[1:]...), row, 0},
		"too many":                  {append([]item{of(bad, nil)}, crowd...), row, -1},
	} {
		if got := w.suspect(c.items, c.err); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// A half never holds what comes before the other half in the same partition.
func TestHalve(t *testing.T) {
	t.Parallel()
	batch := func(numbers ...int32) (items []item) {
		for i, n := range numbers {
			items = append(items, item{p: &position{place: place{partition: n}}, at: i})
		}
		return items
	}
	for _, c := range []struct {
		items       []item
		first, rest string
	}{
		{batch(1, 2, 1, 3, 2, 4), "[0 1 2 4]", "[3 5]"},
		{batch(1, 2), "[0]", "[1]"},
		{batch(1, 1, 1), "[0]", "[1 2]"},
	} {
		first, rest := halve(c.items)
		if places(first) != c.first || places(rest) != c.rest {
			t.Errorf("%s and %s, want %s and %s", places(first), places(rest), c.first, c.rest)
		}
	}
}

func places(items []item) string {
	all := make([]int, len(items))
	for i := range items {
		all[i] = items[i].at
	}
	return fmt.Sprint(all)
}
