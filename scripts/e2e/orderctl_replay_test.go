package e2e

import (
	"encoding/json"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/scripts/internal/load"
)

// readOn are the positions of a program as orderctl lists them.
type readOn struct {
	Items []struct {
		Group string `json:"group"`
		Items []struct {
			Topic     string  `json:"topic"`
			Partition int     `json:"partition"`
			Next      int64   `json:"next"`
			Lag       int64   `json:"lag"`
			Owner     *string `json:"owner"`
		} `json:"items"`
	} `json:"items"`
}

// caughtUp waits until a program's workers have read everything, and returns how many offsets that is.
func caughtUp(t *testing.T, program string) (read int64) {
	t.Helper()
	testkit.Eventually(t, func() bool {
		s := orderctl(t, nil, "positions", "list", program, "-o", "json")
		require.Equal(t, 0, s.code, s.errs)
		var list readOn
		require.NoError(t, json.Unmarshal([]byte(s.out), &list))
		require.Equal(t, program, list.Items[0].Group)
		read = 0
		for _, p := range list.Items[0].Items {
			if p.Owner == nil || p.Lag > 0 {
				return false
			}
			read += p.Next
		}
		return true
	}, program+" has read everything")
	return read
}

// kept is what the warehouse keeps of orders.
func kept(t *testing.T, orders []uuid.UUID) (rows string) {
	t.Helper()
	url, err := system.Database("warehouse")
	require.NoError(t, err)
	db, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer db.Close(t.Context())
	require.NoError(t, db.QueryRow(t.Context(), `
SELECT (SELECT string_agg(h::text, E'\n' ORDER BY order_id) FROM holds AS h WHERE order_id = ANY ($1))
    || (SELECT string_agg(f::text, E'\n' ORDER BY subject, operation, undo) FROM fence AS f WHERE subject = ANY ($1))`, orders).Scan(&rows))
	return rows
}

// An operator lets the warehouse read everything again while the system runs. It does, and for no order anything is sent or kept
// that was not before (I10), also where it reserved, dispatched, refused and released.
func TestOrderctlReplaysTheWarehouse(t *testing.T) {
	orders := []uuid.UUID{place(t, "rita", "pm_ok", nil), place(t, "rita", "pm_declined", nil), damaged(t, "rita")}
	for _, order := range orders {
		settled(t, order)
	}
	caughtUp(t, "warehouse")
	look := admin(t)
	from, was := ends(t, look), kept(t, orders)

	s := orderctl(t, nil, "replay", "warehouse", "--to", "beginning", "--reason", "the disk lost its last hour", "--yes", "-o", "json")
	require.Equal(t, 0, s.code, s.errs)
	var done struct {
		Moves []struct{ From, To int64 } `json:"moves"`
	}
	require.NoError(t, json.Unmarshal([]byte(s.out), &done))
	var again int64
	for _, m := range done.Moves {
		require.Zero(t, m.To)
		again += m.From
	}
	require.GreaterOrEqual(t, again, int64(3+2+3), "the commands of the orders")
	require.GreaterOrEqual(t, caughtUp(t, "warehouse"), again)
	after := place(t, "rita", "pm_ok", nil) // what comes behind: all before it was sent, if anything was
	require.Equal(t, "completed", settled(t, after).State)

	require.Equal(t, was, kept(t, orders))
	for _, r := range between(t, from, ends(t, look)) {
		for _, order := range orders {
			require.NotEqual(t, order.String(), string(r.Key), "%s after the replay", load.Name(r))
		}
	}
	s = orderctl(t, nil, "positions", "rewinds", "warehouse")
	require.Contains(t, s.out, `olga      "the disk lost its last hour"`)
}

// What a replay cannot do is refused, in words.
func TestOrderctlReplayOnlyGoesBack(t *testing.T) {
	settled(t, place(t, "rita", "pm_ok", nil))
	read := caughtUp(t, "loyalty")
	yes := []string{"--reason", "x", "--yes"}
	one := []string{"--topic", "order.events", "--partition", "3"}
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"loyalty", "--to", "1000000", "--topic", "order.events", "--partition", "3"}, 2, "a rewind only goes back, and skips nothing"},
		{[]string{"loyalty", "--to", "7"}, 2, "give --topic and --partition, too"},
		{[]string{"loyalty", "--to", "2100-01-01T00:00:00Z"}, 2, "nothing was read from there on"},
		{[]string{"loyalty", "--to", "end"}, 2, "give beginning"},
		{[]string{"loyalty"}, 2, "give beginning"},
		{[]string{"loyalty", "--to", "beginning", "--topic", "payment.events"}, 2, "reads no such topic or partition"},
		{[]string{"archive", "--to", "beginning"}, 2, "give order, payment, warehouse, processmanager, orderview or loyalty"},
	} {
		s := orderctl(t, nil, append(append([]string{"replay"}, c.args...), yes...)...)
		require.Equal(t, c.code, s.code, "%v: %s%s", c.args, s.out, s.errs)
		require.Contains(t, s.errs, c.says, "%v", c.args)
	}
	s := orderctl(t, nil, append([]string{"replay", "loyalty", "--to", "beginning", "--yes"}, one...)...)
	require.Equal(t, 2, s.code)
	require.Contains(t, s.errs, "--reason is not set")
	s = orderctl(t, nil, "replay", "loyalty", "--to", "beginning", "--reason", "x")
	require.Equal(t, 2, s.code, "nobody was there to be asked")
	require.Contains(t, orderctl(t, nil, "positions", "rewinds", "loyalty").out, "no rewind")

	s = orderctl(t, nil, append([]string{"replay", "loyalty", "--to", "-1h"}, yes...)...)
	require.Equal(t, 0, s.code, s.errs)
	require.Regexp(t, `^loyalty reads \d+ records of \d+ partitions again; `, s.out)
	require.GreaterOrEqual(t, caughtUp(t, "loyalty"), read)
}
