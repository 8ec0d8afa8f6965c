package scenarios

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/stack"
)

// Scenario 19: whoever asks for a compensation and whoever does it are killed as soon as it is asked for.
func TestKilledBetweenCompensations(t *testing.T) {
	defer w.holds(t)
	manager, payment, warehouse := w.Program(t, "processmanager"), w.Program(t, "payment"), w.Program(t, "warehouse")
	killed := func(programs ...*stack.Program) {
		t.Helper()
		for _, p := range programs {
			kill(t, p)
		}
		for _, p := range programs {
			start(t, p)
		}
	}
	w.Fault(t, "refund", "slow", 400*time.Millisecond)
	w.Fault(t, "void", "slow", 400*time.Millisecond)
	id := w.Place(t, "pm_ok", "SKU-0130", "DAMAGED")
	w.Hears(t, id, "RefundPayment", 1)
	killed(manager, payment)
	w.Hears(t, id, "VoidPayment", 1)
	killed(manager)
	w.Hears(t, id, "PaymentVoided", 1)
	killed(warehouse, manager)
	w.Hears(t, id, "OrderRejected", 1)
	require.Equal(t, []string{
		"ReserveStock", "AuthorizePayment", "CapturePayment", "DispatchOrder", "RefundPayment", "VoidPayment", "ReleaseStock", "RejectOrder",
	}, w.commands(id))
	require.Equal(t, []string{"PaymentAuthorized", "PaymentCaptured", "PaymentRefunded", "PaymentVoided"}, w.messages(id, "/services/payment"))
	require.Equal(t, []string{"StockReserved", "DispatchRefused", "StockReleased"}, w.messages(id, "/services/warehouse"))
	require.Equal(t, w.each(t, id, "authorize", "capture", "refund"), w.moved(t, id))
}

// Scenario 20: refunds that fail for good are owed, an operator is called, the stock is freed all the same and the end waits.
// One order's refund is retried until it succeeds, the other's is waived.
func TestOwedCompensations(t *testing.T) {
	defer w.holds(t)
	manager := w.Program(t, "processmanager")
	w.Faults(t, "refund", "refuse", 0, 0)
	retried, waived := w.Place(t, "pm_ok", "SKU-0131", "DAMAGED"), w.Place(t, "pm_ok", "SKU-0132", "DAMAGED")
	for _, id := range []uuid.UUID{retried, waived} {
		i := w.IsStuck(t, id)
		require.Equal(t, "unwinding", i.State)
		require.True(t, strings.HasPrefix(i.Stuck, "compensation owed: capture payment"), i.Stuck)
		w.Hears(t, id, "StockReleased", 1) // the others went on
		require.NotContains(t, w.commands(id), "RejectOrder")
		require.Contains(t, logged(t, manager), id.String(), "nobody was called")
	}
	w.Wish(t, waived, "waive", map[string]string{"step": "capture payment"})
	w.Wish(t, retried, "retry", map[string]string{"step": "capture payment"})
	w.Hears(t, retried, "PaymentRefundFailed", 2)
	w.IsStuck(t, retried)
	require.NotContains(t, w.commands(retried), "RejectOrder")
	w.Clear(t)
	w.Wish(t, retried, "retry", map[string]string{"step": "capture payment"})
	for id, moved := range map[uuid.UUID]map[string]int64{
		retried: w.each(t, retried, "authorize", "capture", "refund"), waived: w.each(t, waived, "authorize", "capture"),
	} {
		w.Hears(t, id, "OrderRejected", 1)
		require.Equal(t, moved, w.moved(t, id))
	}
	wishes := 0
	for _, id := range []uuid.UUID{retried, waived} {
		for _, e := range w.Instance(t, id).History {
			if e.Operator == "olga" && e.Reason == "a test" {
				wishes++
			}
		}
	}
	require.Equal(t, 3, wishes, "wishes with who had them and why")
}

// logged is what a program said in its log that somebody has to look at.
func logged(t *testing.T, p *stack.Program) (lines string) {
	t.Helper()
	for line := range strings.SplitSeq(all(t, p.Log), "\n") {
		if strings.Contains(line, `"level":"ERROR"`) {
			lines += line + "\n"
		}
	}
	return lines
}

// again publishes records a second time, byte for byte, as a relay does that was interrupted.
func again(t *testing.T, records ...*kgo.Record) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(w.Brokers, ",")...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	defer cl.Close()
	for _, r := range records { // one after the other: a topic's order is kept
		same := &kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: r.Key, Value: r.Value, Headers: r.Headers}
		require.NoError(t, cl.ProduceSync(t.Context(), same).FirstErr())
	}
}

// Scenario 21: the answers of earlier steps come again, and again, while a later step is outstanding.
func TestAnswersOfEarlierSteps(t *testing.T) {
	defer w.holds(t)
	w.Hold(t, "capture")
	id := w.Place(t, "pm_ok", "SKU-0133")
	w.Hears(t, id, "CapturePayment", 1)
	for _, r := range w.Said(id) {
		if name := load.Name(r); name == "StockReserved" || name == "PaymentAuthorized" || name == "OrderPlaced" {
			again(t, r, r, r)
		}
	}
	w.Clear(t)
	w.holds(t)
	require.Equal(t, 1, w.Heard(id, "OrderCompleted"))
	require.Equal(t, 4, w.Heard(id, "StockReserved"))
	require.Equal(t, 5, w.sent(id), "a command was sent for what came again")
	var inputs []string
	for _, e := range w.Instance(t, id).History {
		require.Equal(t, "applied", e.Effect)
		inputs = append(inputs, e.Input)
	}
	require.Equal(t, []string{
		"OrderPlaced.v1", "StockReserved.v1", "PaymentAuthorized.v1", "PaymentCaptured.v1", "OrderDispatched.v1", "OrderCompleted.v1",
	}, inputs, "what came again is in the history once")
}
