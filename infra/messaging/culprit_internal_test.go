package messaging

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
)

// Only a message that the database accuses beyond doubt is blamed without being alone.
func TestCulprit(t *testing.T) {
	t.Parallel()
	bad, good := uuid.New(), uuid.New()
	refused := func(detail string, args ...any) error {
		return ofBatch("save", &pgconn.PgError{Code: "23514", Detail: fmt.Sprintf(detail, args...), Message: bad.String()})
	}
	row := refused("Failing row contains (%s, 7, %s).", bad, good)
	one := []item{{msg: Message{Subject: good}}, {msg: Message{Subject: bad}}, {msg: Message{Subject: good}}}
	for name, c := range map[string]struct {
		items []item
		err   error
		want  int
	}{
		"its row":                    {one, row, 1},
		"its row's key":              {one, refused("Key (order_id, step)=(%s, pay) already exists.", bad), 1},
		"a row of one column":        {one, refused("Failing row contains (%s).", bad), 1},
		"with dead ones of its key":  {append([]item{{msg: Message{Subject: bad}, fate: dead}}, one...), row, 2},
		"one of several":             {append([]item{{msg: Message{Subject: bad}}}, one...), row, -1},
		"nobody of the batch":        {one, refused("Failing row contains (%s, 7).", uuid.New()), -1},
		"elsewhere in the row":       {one, refused("Failing row contains (7, %s).", bad), -1},
		"a row of something else":    {one, refused("Failing row contains (SKU-0001, %s).", bad), -1},
		"a row of nobody":            {one, refused("Failing row contains (%s, 7).", uuid.Nil), -1},
		"no row":                     {one, refused("Process %s waits.", bad), -1},
		"the database says nothing":  {one, refused(""), -1},
		"no database's error":        {one, errors.New("Failing row contains (" + bad.String() + ")"), -1},
		"one of as many as may be":   {append(make([]item, crowded-len(one)), one...), row, crowded - 2},
		"one of so many that others": {append(make([]item, crowded), one...), row, -1},
	} {
		if got := culprit(c.items, c.err); got != c.want {
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
