package scenarios

import (
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/testkit"
)

// cancels asks for a cancellation, which must be taken (202), and waits until the process manager knows.
func (w *world) cancels(t *testing.T, id uuid.UUID) {
	t.Helper()
	require.NoError(t, w.Customer.Cancel(t.Context(), id))
	testkit.Eventually(t, func() bool {
		return w.Count(t, "processmanager", "SELECT count(*) FROM instance WHERE order_id = $1 AND cancelling", id) == 1
	}, "the process manager knows")
}

// Scenarios 24 and 25: the request comes while the authorisation or the capture is on its way. Its answer is waited for,
// whatever it is; then what was done is undone, and the order was cancelled.
func TestCancelledBeforeThePivot(t *testing.T) {
	authorized := []string{"ReserveStock", "AuthorizePayment"}
	captured := []string{"ReserveStock", "AuthorizePayment", "CapturePayment"}
	for name, c := range map[string]struct {
		operation, method string
		before, after     []string
		moved             []string
	}{
		"authorized meanwhile":   {"authorize", "pm_ok", authorized, []string{"VoidPayment", "ReleaseStock"}, []string{"authorize", "void"}},
		"declined meanwhile":     {"authorize", "pm_declined", authorized, []string{"ReleaseStock"}, nil},
		"captured meanwhile":     {"capture", "pm_ok", captured, []string{"RefundPayment", "VoidPayment", "ReleaseStock"}, []string{"authorize", "capture", "refund"}},
		"not captured meanwhile": {"capture", "pm_capture_refused", captured, []string{"VoidPayment", "ReleaseStock"}, []string{"authorize", "expire"}},
	} {
		t.Run(name, func(t *testing.T) {
			defer w.holds(t)
			w.Hold(t, c.operation)
			id := w.Place(t, c.method, "SKU-0140")
			w.Hears(t, id, c.before[len(c.before)-1], 1)
			w.cancels(t, id)
			require.Equal(t, c.before, w.commands(id), "the answer is waited for")
			w.Clear(t)
			w.Hears(t, id, "OrderCancelled", 1)
			require.Equal(t, append(append(c.before[:len(c.before):len(c.before)], c.after...), "CancelOrder"), w.commands(id))
			require.Equal(t, w.each(t, id, c.moved...), w.moved(t, id))
		})
	}
}

// Scenario 25, as it comes: requests at about every moment of an order's life. Whoever wins, the customer is told what
// happened, and nothing that was cancelled is dispatched.
func TestCancelledAtAnyMoment(t *testing.T) {
	defer w.holds(t)
	moments := []string{"OrderPlaced", "ReserveStock", "StockReserved", "AuthorizePayment", "PaymentAuthorized", "CapturePayment", "PaymentCaptured", "DispatchOrder"}
	w.Faults(t, "authorize", "slow", 0, 20*time.Millisecond)
	w.Faults(t, "capture", "slow", 0, 20*time.Millisecond)
	ends := map[string]int{}
	for range 4 {
		for _, moment := range moments {
			id := w.Place(t, "pm_ok", "SKU-0141")
			w.Hears(t, id, moment, 1)
			err := w.Customer.Cancel(t.Context(), id)
			testkit.Eventually(t, func() bool { return w.Heard(id, "OrderCancelled")+w.Heard(id, "OrderCompleted") > 0 }, "its end")
			switch {
			case w.Heard(id, "OrderCancelled") > 0:
				ends["cancelled"]++
				require.NoError(t, err)
				require.NotContains(t, w.messages(id, "/services/warehouse"), "OrderDispatched")
			case err == nil:
				ends["completed after a request"]++
				require.Contains(t, w.messages(id, "/services/order"), "OrderCancellationDeclined")
			default:
				ends["completed before the request"]++
				require.Equal(t, http.StatusConflict, status(err))
			}
		}
	}
	t.Logf("=> %v", ends)
	require.Positive(t, ends["cancelled"])
	require.Less(t, ends["cancelled"], 4*len(moments), "no request came too late")
}

// Scenarios 26 and 27: too late, twice, and of another's order.
func TestCancelledTooLateTwiceOrByAnother(t *testing.T) {
	defer w.holds(t)
	done := w.Place(t, "pm_ok", "SKU-0142")
	w.Hears(t, done, "OrderCompleted", 1)
	err := w.Customer.Cancel(t.Context(), done)
	require.Equal(t, http.StatusConflict, status(err))
	require.ErrorContains(t, err, "is completed")

	w.Hold(t, "capture")
	late := w.Place(t, "pm_ok", "SKU-0143")
	w.Hears(t, late, "CapturePayment", 1)
	warehouse := w.Program(t, "warehouse").Process()
	require.NoError(t, warehouse.Signal(syscall.SIGSTOP))
	w.Clear(t)
	w.Hears(t, late, "DispatchOrder", 1)
	w.cancels(t, late) // nobody knows yet whether it leaves
	require.NoError(t, warehouse.Signal(syscall.SIGCONT))
	w.Hears(t, late, "OrderCancellationDeclined", 1)
	w.Hears(t, late, "OrderCompleted", 1)

	w.Hold(t, "authorize")
	id := w.Place(t, "pm_ok", "SKU-0144")
	w.Hears(t, id, "AuthorizePayment", 1)
	require.Equal(t, http.StatusNotFound, status(w.Other.Cancel(t.Context(), id)))
	w.Clear(t)
	w.Hears(t, id, "OrderCompleted", 1)
	require.NotContains(t, w.messages(id, "/services/order"), "OrderCancellationRequested")

	w.Hold(t, "authorize")
	twice := w.Place(t, "pm_ok", "SKU-0145")
	w.Hears(t, twice, "AuthorizePayment", 1)
	for range 3 {
		w.cancels(t, twice)
	}
	w.Clear(t)
	w.Hears(t, twice, "OrderCancelled", 1)
	require.Equal(t, []string{"OrderPlaced", "OrderCancellationRequested", "OrderCancelled"}, w.messages(twice, "/services/order"))
	require.Equal(t, http.StatusConflict, status(w.Customer.Cancel(t.Context(), twice)))
}
