package scenarios

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/scripts/internal/load"
)

// commandID is the id of an order's command: the provider's idempotency key of a do.
func (w *world) commandID(t *testing.T, id uuid.UUID, name string) string {
	t.Helper()
	for _, r := range w.Said(id) {
		if load.Name(r) == name {
			return load.Header(r, "ce_id")
		}
	}
	t.Fatalf("%s has no %s", id, name)
	return ""
}

// keys are those under which the provider took an operation of an order.
func (w *world) keys(t *testing.T, id uuid.UUID, operation string) (keys []string) {
	t.Helper()
	for _, e := range w.Ledger(t, id) {
		if e.Operation == operation {
			keys = append(keys, e.Key)
		}
	}
	return keys
}

// Scenario 9.
func TestAnUnknownOutcomeIsRepeatedUnderOneKey(t *testing.T) {
	for _, fault := range []string{"timeout_before", "timeout_after", "5xx"} {
		t.Run(fault, func(t *testing.T) {
			defer w.holds(t)
			w.Faults(t, "authorize", fault, 0, 0)
			w.Faults(t, "get", "5xx", 0, 0) // reading does not tell either
			id := w.Place(t, "pm_ok", "SKU-0120")
			w.unanswered(t, id, "authorization", 2)
			require.Equal(t, []string{"ReserveStock", "AuthorizePayment"}, w.commands(id), "nothing is undone while it is unknown")
			w.Clear(t)
			w.Hears(t, id, "OrderCompleted", 1)
			require.Equal(t, []string{w.commandID(t, id, "AuthorizePayment")}, w.keys(t, id, "authorize"))
		})
	}
}

// Scenarios 10 and 14: nothing is dispatched while it is unknown whether the money was taken. At the deadline the provider
// is asked, and what exists is undone; stock is freed only after the answer to that.
func TestUnknownAtTheDeadline(t *testing.T) {
	defer w.holds(t)
	w.Faults(t, "get", "5xx", 0, 0)
	w.Faults(t, "close", "5xx", 0, 0)
	w.Faults(t, "capture", "timeout_after", 0, 0)
	taken := w.Place(t, "pm_ok", "SKU-0121")
	testkit.Eventually(t, func() bool { return len(w.keys(t, taken, "capture")) == 1 }, "the money is taken")
	w.Hold(t, "capture")
	not, never := w.Place(t, "pm_ok", "SKU-0122"), w.Place(t, "pm_timeout_before", "SKU-0123")
	w.unanswered(t, never, "authorization", 2)
	w.unanswered(t, taken, "capture", 2)
	w.unanswered(t, not, "capture", 2)
	until := []string{"ReserveStock", "AuthorizePayment", "CapturePayment"}
	require.Equal(t, until[:2], w.commands(never))
	require.Equal(t, until, w.commands(taken))
	require.Equal(t, until, w.commands(not))

	w.overdue(t, never, taken, not)
	w.Hears(t, never, "VoidPayment", 1)
	w.Hears(t, taken, "RefundPayment", 1)
	w.Hears(t, not, "RefundPayment", 1)
	for id, kind := range map[uuid.UUID]string{never: "authorization", taken: "capture", not: "capture"} {
		testkit.Eventually(t, func() bool {
			return w.Count(t, "payments", "SELECT count(*) FROM operation WHERE order_id = $1 AND kind = $2 AND state = 'undoing' AND attempts > 0", id, kind) == 1
		}, "the provider is asked")
		require.Zero(t, w.Heard(id, "ReleaseStock"))
	}
	w.Clear(t)
	for id, want := range map[uuid.UUID]struct {
		undone []string
		moved  map[string]int64
	}{
		never: {append(until[:2:2], "VoidPayment", "ReleaseStock", "RejectOrder"), map[string]int64{}},
		taken: {append(until[:3:3], "RefundPayment", "VoidPayment", "ReleaseStock", "RejectOrder"), w.each(t, taken, "authorize", "capture", "refund")},
		not:   {append(until[:3:3], "RefundPayment", "VoidPayment", "ReleaseStock", "RejectOrder"), w.each(t, not, "authorize", "void")},
	} {
		w.Hears(t, id, "OrderRejected", 1)
		require.Equal(t, want.undone, w.commands(id))
		require.Equal(t, want.moved, w.moved(t, id))
		require.Equal(t, "PaymentVoided", w.cause(t, id, "ReleaseStock"), "stock is freed when the money is known to be")
	}
}

// each says that these operations moved the whole amount of an order.
func (w *world) each(t *testing.T, id uuid.UUID, operations ...string) map[string]int64 {
	t.Helper()
	out := map[string]int64{}
	for _, o := range operations {
		out[o] = w.total(t, id)
	}
	return out
}

// cause is the name of the message that a message of an order follows from.
func (w *world) cause(t *testing.T, id uuid.UUID, name string) string {
	t.Helper()
	names, cause := map[string]string{}, ""
	for _, r := range w.Said(id) {
		names[load.Header(r, "ce_id")] = load.Name(r)
		if load.Name(r) == name {
			cause = load.Header(r, "ce_causationid")
		}
	}
	return names[cause]
}

// Scenario 11: the money is taken, the answer is lost, and payment is killed before it can ask.
func TestKilledBeforeTheAnswerToACapture(t *testing.T) {
	defer w.holds(t)
	w.Faults(t, "capture", "timeout_after", 0, 0)
	w.Faults(t, "get", "5xx", 0, 0)
	id := w.Place(t, "pm_ok", "SKU-0124")
	testkit.Eventually(t, func() bool { return len(w.keys(t, id, "capture")) == 1 }, "the money is taken")
	payment := w.Program(t, "payment")
	kill(t, payment)
	require.Zero(t, w.Heard(id, "PaymentCaptured"))
	w.Clear(t)
	start(t, payment)
	w.Hears(t, id, "OrderCompleted", 1)
	require.Equal(t, []string{w.commandID(t, id, "CapturePayment")}, w.keys(t, id, "capture"))
}

// Scenario 12: the provider forgets that it was told not to, and authorises late. Payment undoes it by itself.
func TestLateSuccessAfterAVoid(t *testing.T) {
	defer w.holds(t)
	w.Fault(t, "authorize", "late", 4*time.Second)
	id := w.Place(t, "pm_ok", "SKU-0125")
	w.Hears(t, id, "AuthorizePayment", 1)
	w.Wish(t, id, "unwind", map[string]string{})
	w.Hears(t, id, "OrderRejected", 1)
	require.Empty(t, w.moved(t, id))
	w.ForgetKeys(t)
	testkit.Eventually(t, func() bool { return len(w.moved(t, id)) == 2 }, "what came late is undone")
	require.Equal(t, w.each(t, id, "authorize", "void"), w.moved(t, id))
	w.holds(t)
	require.Equal(t, []string{"PaymentVoided"}, w.messages(id, "/services/payment"), "the saga has one answer")
	require.Equal(t, "rejected", w.Instance(t, id).State)
}

// Scenario 13: what was done is told by a webhook long before it is answered, or at about the same time.
func TestToldByWebhookAndByAnswer(t *testing.T) {
	defer w.holds(t)
	payment := w.Program(t, "payment")
	const calls = `payment_provider_calls_total\{operation="capture",outcome="[^"]*"\}`
	for name, delay := range map[string]time.Duration{"webhook first": 450 * time.Millisecond, "at once": 100 * time.Millisecond} {
		before := metric(t, payment, calls)
		w.Faults(t, "capture", "slow_after", 20, delay)
		ids := make([]uuid.UUID, 20)
		for i := range ids {
			ids[i] = w.Place(t, "pm_ok", "SKU-0126")
		}
		for _, id := range ids {
			w.Hears(t, id, "OrderCompleted", 1)
		}
		testkit.Eventually(t, func() bool { return metric(t, payment, calls) >= before+20 }, name, "every call has its answer")
		w.holds(t)
		for _, id := range ids {
			require.Equal(t, 1, w.Heard(id, "PaymentCaptured"), name)
			require.Equal(t, []string{"PaymentAuthorized", "PaymentCaptured"}, w.messages(id, "/services/payment"), name)
		}
	}
}
