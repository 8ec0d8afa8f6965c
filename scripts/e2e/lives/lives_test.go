package lives

import (
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/testkit"
)

// longer than it takes to cancel or to unwind, shorter than payment waits for the provider.
const aWhile = 1500 * time.Millisecond

// live brings about every kind of life, one after the other. Two do not end.
func (w *world) live(t *testing.T) {
	t.Helper()
	ends := func(id uuid.UUID, how string) { t.Helper(); w.hears(t, id, how, 1) }
	ends(w.place(t, "pm_ok", "SKU-0001", "SKU-0002", "SKU-0003"), "OrderCompleted")
	ends(w.place(t, "pm_flap", "SKU-0004"), "OrderCompleted")
	ends(w.place(t, "pm_timeout_after", "SKU-0005"), "OrderCompleted")
	ends(w.place(t, "pm_declined", "SKU-0001"), "OrderRejected")
	ends(w.place(t, "pm_ok", "SKU-0001", "SOLD-OUT"), "OrderRejected")
	ends(w.place(t, "pm_capture_refused", "SKU-0001"), "OrderRejected")
	ends(w.place(t, "pm_ok", "SKU-0002", "DAMAGED"), "OrderRejected")
	waiting := w.deadLettered(t)
	w.cancelled(t)
	w.cancelledTooLate(t)
	w.sentAgain(t)
	w.unknown(t)
	w.surfaced(t)
	w.owed(t, true)
	w.owed(t, false)
	w.owedForever(t)
	w.hears(t, waiting, "DispatchOrder", 2)
}

// cancelled: before the money is taken, and while it is.
func (w *world) cancelled(t *testing.T) {
	t.Helper()
	for _, operation := range []string{"authorize", "capture"} {
		w.fault(t, operation, "slow", aWhile)
		id := w.place(t, "pm_ok", "SKU-0006", "SKU-0007")
		w.hears(t, id, map[string]string{"authorize": "AuthorizePayment", "capture": "CapturePayment"}[operation], 1)
		require.NoError(t, w.customer.Cancel(t.Context(), id))
		w.hears(t, id, "OrderCancelled", 1)
	}
}

// cancelledTooLate: the parcel was asked for already.
func (w *world) cancelledTooLate(t *testing.T) {
	t.Helper()
	w.fault(t, "capture", "slow", aWhile)
	id := w.place(t, "pm_ok", "SKU-0008")
	w.hears(t, id, "CapturePayment", 1)
	warehouse := w.program(t, "warehouse").Process()
	require.NoError(t, warehouse.Signal(syscall.SIGSTOP))
	w.hears(t, id, "DispatchOrder", 1)
	require.NoError(t, w.customer.Cancel(t.Context(), id))
	w.hears(t, id, "OrderCancellationRequested", 1)
	require.NoError(t, warehouse.Signal(syscall.SIGCONT))
	w.hears(t, id, "OrderCancellationDeclined", 1)
	w.hears(t, id, "OrderCompleted", 1)
}

// sentAgain: a command has two attempts and one answer.
func (w *world) sentAgain(t *testing.T) {
	t.Helper()
	w.fault(t, "capture", "slow", aWhile)
	id := w.place(t, "pm_ok", "SKU-0009")
	w.hears(t, id, "CapturePayment", 1)
	w.wish(t, id, "retry", map[string]string{})
	w.hears(t, id, "CapturePayment", 2)
	w.hears(t, id, "OrderCompleted", 1)
}

// unknown: the provider never answers, and the step is given up.
func (w *world) unknown(t *testing.T) {
	t.Helper()
	id := w.place(t, "pm_timeout_before", "SKU-0010")
	w.hears(t, id, "AuthorizePayment", 1)
	w.wish(t, id, "unwind", map[string]string{})
	w.hears(t, id, "OrderRejected", 1)
}

// surfaced: the provider does late what was closed there, because it forgot that; payment undoes it by itself.
func (w *world) surfaced(t *testing.T) {
	t.Helper()
	const late = 4 * time.Second
	w.fault(t, "authorize", "late", late)
	id := w.place(t, "pm_ok", "SKU-0011")
	w.struck(t) // else payment may read of both at once, and call nobody
	w.wish(t, id, "unwind", map[string]string{})
	w.hears(t, id, "OrderRejected", 1)
	_, err := w.provider.Do(t.Context(), http.MethodDelete, "/v1/keys", "", nil, nil)
	require.NoError(t, err)
	url, err := w.Database("payments")
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context()) //nolint:errcheck // done
	testkit.Eventually(t, func() bool {
		var undone int64
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT undone_minor FROM operation WHERE order_id = $1 AND kind = 'authorization'", id).Scan(&undone))
		return undone > 0
	}, "payment undoes what surfaced")
}

// owed: a refund fails for good; an operator retries it, or waives it.
func (w *world) owed(t *testing.T, retried bool) {
	t.Helper()
	w.fault(t, "refund", "refuse", 0)
	id := w.place(t, "pm_ok", "SKU-0012", "DAMAGED")
	w.hears(t, id, "PaymentRefundFailed", 1)
	w.hears(t, id, "StockReleased", 1) // the others go on
	require.Zero(t, w.heard(id, "RejectOrder"))
	w.settled(t, id)
	if retried {
		w.wish(t, id, "retry", map[string]string{"step": "capture payment"})
	} else {
		w.wish(t, id, "waive", map[string]string{"step": "capture payment"})
	}
	w.hears(t, id, "OrderRejected", 1)
}

// settled waits until nothing of the order is outstanding.
func (w *world) settled(t *testing.T, id uuid.UUID) {
	t.Helper()
	testkit.Eventually(t, func() bool {
		var i struct {
			Outstanding *struct{} `json:"outstanding"`
			Stuck       *string   `json:"stuck"`
		}
		_, err := w.operator.Do(t.Context(), http.MethodGet, "/admin/v1/instances/"+id.String(), "", nil, &i)
		require.NoError(t, err)
		return i.Outstanding == nil && i.Stuck != nil
	}, id.String(), "is stuck")
}

// owedForever: a void fails, and nobody comes.
func (w *world) owedForever(t *testing.T) {
	t.Helper()
	w.fault(t, "void", "refuse", 0)
	id := w.place(t, "pm_capture_refused", "SKU-0013")
	w.hears(t, id, "PaymentVoidFailed", 1)
	w.hears(t, id, "StockReleased", 1)
	w.settled(t, id)
}

// deadLettered: the warehouse cannot understand the command to dispatch, because what the order holds was changed behind
// its back. It is repaired, but the letter is not redriven: the order waits, and its command comes again and again.
func (w *world) deadLettered(t *testing.T) uuid.UUID {
	t.Helper()
	w.fault(t, "capture", "slow", aWhile)
	id := w.place(t, "pm_ok", "SKU-0014")
	w.hears(t, id, "CapturePayment", 1)
	w.sql(t.Context(), t, "warehouse", `UPDATE holds SET lines = '[{"sku": "SKU-0014", "quantity": 1}]' WHERE order_id = $1`, id)
	w.hears(t, id, "DispatchOrder", 1)
	url, err := w.Database("warehouse")
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context()) //nolint:errcheck // done
	testkit.Eventually(t, func() bool {
		var n int
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM dead_letter_heads WHERE subject = $1", id).Scan(&n))
		return n == 1
	}, "the dead letter's head")
	w.sql(t.Context(), t, "warehouse", `UPDATE holds SET lines = '[{"sku": "SKU-0014", "quantity": 2}]' WHERE order_id = $1`, id)
	return id
}
