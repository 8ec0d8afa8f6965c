package lives

import (
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/testkit"
)

// longer than it takes to cancel or to unwind, shorter than payment waits for the provider.
const aWhile = 1500 * time.Millisecond

// live brings about every kind of life, one after the other. Two do not end.
func (w world) live(t *testing.T) {
	t.Helper()
	ends := func(id uuid.UUID, how string) { t.Helper(); w.Hears(t, id, how, 1) }
	ends(w.Place(t, "pm_ok", "SKU-0001", "SKU-0002", "SKU-0003"), "OrderCompleted")
	ends(w.Place(t, "pm_flap", "SKU-0004"), "OrderCompleted")
	ends(w.Place(t, "pm_timeout_after", "SKU-0005"), "OrderCompleted")
	ends(w.Place(t, "pm_declined", "SKU-0001"), "OrderRejected")
	ends(w.Place(t, "pm_ok", "SKU-0001", "SOLD-OUT"), "OrderRejected")
	ends(w.Place(t, "pm_capture_refused", "SKU-0001"), "OrderRejected")
	ends(w.Place(t, "pm_ok", "SKU-0002", "DAMAGED"), "OrderRejected")
	waiting := w.deadLettered(t)
	w.cancelled(t)
	w.cancelledTooLate(t)
	w.sentAgain(t)
	w.unknown(t)
	w.surfaced(t)
	w.owed(t, true)
	w.owed(t, false)
	w.owedForever(t)
	w.Hears(t, waiting, "DispatchOrder", 2)
}

// cancelled: before the money is taken, and while it is.
func (w world) cancelled(t *testing.T) {
	t.Helper()
	for _, operation := range []string{"authorize", "capture"} {
		w.Fault(t, operation, "slow", aWhile)
		id := w.Place(t, "pm_ok", "SKU-0006", "SKU-0007")
		w.Hears(t, id, map[string]string{"authorize": "AuthorizePayment", "capture": "CapturePayment"}[operation], 1)
		require.NoError(t, w.Customer.Cancel(t.Context(), id))
		w.Hears(t, id, "OrderCancelled", 1)
	}
}

// cancelledTooLate: the parcel was asked for already.
func (w world) cancelledTooLate(t *testing.T) {
	t.Helper()
	w.Fault(t, "capture", "slow", aWhile)
	id := w.Place(t, "pm_ok", "SKU-0008")
	w.Hears(t, id, "CapturePayment", 1)
	warehouse := w.Program(t, "warehouse").Process()
	require.NoError(t, warehouse.Signal(syscall.SIGSTOP))
	w.Hears(t, id, "DispatchOrder", 1)
	require.NoError(t, w.Customer.Cancel(t.Context(), id))
	w.Hears(t, id, "OrderCancellationRequested", 1)
	require.NoError(t, warehouse.Signal(syscall.SIGCONT))
	w.Hears(t, id, "OrderCancellationDeclined", 1)
	w.Hears(t, id, "OrderCompleted", 1)
}

// sentAgain: a command has two attempts and one answer.
func (w world) sentAgain(t *testing.T) {
	t.Helper()
	w.Fault(t, "capture", "slow", aWhile)
	id := w.Place(t, "pm_ok", "SKU-0009")
	w.Hears(t, id, "CapturePayment", 1)
	w.Wish(t, id, "retry", map[string]string{})
	w.Hears(t, id, "CapturePayment", 2)
	w.Hears(t, id, "OrderCompleted", 1)
}

// unknown: the provider never answers, and the step is given up.
func (w world) unknown(t *testing.T) {
	t.Helper()
	id := w.Place(t, "pm_timeout_before", "SKU-0010")
	w.Hears(t, id, "AuthorizePayment", 1)
	w.Wish(t, id, "unwind", map[string]string{})
	w.Hears(t, id, "OrderRejected", 1)
}

// surfaced: the provider does late what was closed there, because it forgot that; payment undoes it by itself.
func (w world) surfaced(t *testing.T) {
	t.Helper()
	const late = 4 * time.Second
	w.Fault(t, "authorize", "late", late)
	id := w.Place(t, "pm_ok", "SKU-0011")
	w.struck(t) // else payment may read of both at once, and call nobody
	w.Wish(t, id, "unwind", map[string]string{})
	w.Hears(t, id, "OrderRejected", 1)
	w.ForgetKeys(t)
	testkit.Eventually(t, func() bool {
		return w.Count(t, "payments", "SELECT undone_minor FROM operation WHERE order_id = $1 AND kind = 'authorization'", id) > 0
	}, "payment undoes what surfaced")
}

// owed: a refund fails for good; an operator retries it, or waives it.
func (w world) owed(t *testing.T, retried bool) {
	t.Helper()
	w.Fault(t, "refund", "refuse", 0)
	id := w.Place(t, "pm_ok", "SKU-0012", "DAMAGED")
	w.Hears(t, id, "PaymentRefundFailed", 1)
	w.Hears(t, id, "StockReleased", 1) // the others go on
	require.Zero(t, w.Heard(id, "RejectOrder"))
	w.IsStuck(t, id)
	if retried {
		w.Wish(t, id, "retry", map[string]string{"step": "capture payment"})
	} else {
		w.Wish(t, id, "waive", map[string]string{"step": "capture payment"})
	}
	w.Hears(t, id, "OrderRejected", 1)
}

// owedForever: a void fails, and nobody comes.
func (w world) owedForever(t *testing.T) {
	t.Helper()
	w.Fault(t, "void", "refuse", 0)
	id := w.Place(t, "pm_capture_refused", "SKU-0013")
	w.Hears(t, id, "PaymentVoidFailed", 1)
	w.Hears(t, id, "StockReleased", 1)
	w.IsStuck(t, id)
}

// deadLettered: the warehouse cannot understand the command to dispatch, because what the order holds was changed behind
// its back. It is repaired, but the letter is not redriven: the order waits, and its command comes again and again.
func (w world) deadLettered(t *testing.T) uuid.UUID {
	t.Helper()
	w.Fault(t, "capture", "slow", aWhile)
	id := w.Place(t, "pm_ok", "SKU-0014")
	w.Hears(t, id, "CapturePayment", 1)
	w.SQL(t, "warehouse", `UPDATE holds SET lines = '[{"sku": "SKU-0014", "quantity": 1}]' WHERE order_id = $1`, id)
	w.Hears(t, id, "DispatchOrder", 1)
	testkit.Eventually(t, func() bool {
		return w.Count(t, "warehouse", "SELECT count(*) FROM dead_letter_heads WHERE subject = $1", id) == 1
	}, "the dead letter's head")
	w.SQL(t, "warehouse", `UPDATE holds SET lines = '[{"sku": "SKU-0014", "quantity": 2}]' WHERE order_id = $1`, id)
	return id
}
