package scenarios

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/testkit"
)

// remembered is everything that the services keep of orders and goods.
func (w *world) remembered(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for database, tables := range map[string][]string{
		"orders": {"orders", "fence"}, "payments": {"operation", "fence"}, "warehouse": {"holds", "stock", "fence"},
		"processmanager": {"instance", "history"},
	} {
		for _, table := range tables {
			var sum string
			w.Row(t, database, "SELECT coalesce(md5(string_agg(r::text, E'\n' ORDER BY r::text)), '') FROM "+table+" r", nil, []any{&sum})
			out[database+"."+table] = sum
		}
	}
	return out
}

// records counts those of all topics.
func (w *world) records(t *testing.T) (n int) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(w.Brokers, ",")...))
	require.NoError(t, err)
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListEndOffsets(t.Context(), contracts.Topics()...)
	require.NoError(t, err)
	ends.Each(func(o kadm.ListedOffset) { n += int(o.Offset) })
	return n
}

// Scenarios 17, 18 and 28, with 15 and 16: every message of orders that ended in every way comes a second time, each
// topic's in its order, commands after their compensations too. No row changes, nobody answers, nobody is called. There is
// no memory with a retention time, so that days later is no other matter.
func TestEveryMessageTwice(t *testing.T) {
	defer w.holds(t)
	ids := []uuid.UUID{
		w.Place(t, "pm_ok", "SKU-0150"), w.Place(t, "pm_declined", "SKU-0151"), w.Place(t, "pm_ok", "SOLD-OUT"),
		w.Place(t, "pm_capture_refused", "SKU-0152"), w.Place(t, "pm_ok", "SKU-0153", "DAMAGED"), w.Place(t, "pm_flap", "SKU-0154"),
	}
	for _, id := range ids {
		testkit.Eventually(t, func() bool { return w.Heard(id, "OrderCompleted")+w.Heard(id, "OrderRejected") > 0 }, "its end")
	}
	w.Hold(t, "capture")
	cancelled := w.Place(t, "pm_ok", "SKU-0155")
	w.Hears(t, cancelled, "CapturePayment", 1)
	w.cancels(t, cancelled)
	ids = append(ids, cancelled)
	w.holds(t)

	before, lines, records := w.remembered(t), len(w.Ledger(t, uuid.Nil)), w.records(t)
	published := 0
	for _, id := range ids {
		said := w.Said(id)
		again(t, said...)
		published += len(said)
	}
	w.holds(t)
	require.Equal(t, before, w.remembered(t))
	require.Len(t, w.Ledger(t, uuid.Nil), lines, "the provider was called")
	require.Equal(t, records+published, w.records(t), "something was sent for what came again")
}
