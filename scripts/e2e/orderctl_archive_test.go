package e2e

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/testkit"
)

// The archive gives an order's life back as the tap does, and holds.
func TestOrderctlAsksTheArchive(t *testing.T) {
	order := place(t, "alice", "pm_ok", nil)
	require.Equal(t, "completed", settled(t, order).State)
	tappedNow := lines(t, orderctl(t, nil, "tap", "--order", order.String(), "--from", "-5m", "-o", "json").out)
	var archived []tapped
	testkit.Eventually(t, func() bool {
		s := orderctl(t, nil, "archive", "query", "--order", order.String(), "--limit", "3", "--all", "-o", "json")
		require.Equal(t, 0, s.code, s.errs)
		archived = lines(t, s.out)
		return len(archived) == len(completed)
	}, "the archived order")
	require.ElementsMatch(t, tappedNow, archived)
	s := orderctl(t, nil, "archive", "query", "--order", order.String(), "--type", "OrderCompleted.v1", "--from", "-5m")
	require.Contains(t, s.out, "OrderCompleted.v1")
	require.NotContains(t, s.out, "OrderPlaced.v1")

	s = orderctl(t, nil, "archive", "verify", "order.events", "-o", "json")
	require.Equal(t, 0, s.code, s.errs)
	var all struct {
		Items []struct {
			Topic             string
			Records, Compared int64
		} `json:"items"`
	}
	require.NoError(t, json.Unmarshal([]byte(s.out), &all))
	var records, compared int64
	for _, p := range all.Items {
		require.Equal(t, "order.events", p.Topic)
		records, compared = records+p.Records, compared+p.Compared
	}
	require.GreaterOrEqual(t, records, int64(2))
	require.Equal(t, records, compared)
	require.Equal(t, 2, orderctl(t, nil, "archive", "verify", "nothing").code)
	require.Equal(t, 2, orderctl(t, nil, "archive", "query", "--from", "begin").code)
	require.Equal(t, 3, orderctl(t, []string{"ORDERCTL_ARCHIVE_ADMIN=127.0.0.1:1"}, "archive", "verify").code)
}
