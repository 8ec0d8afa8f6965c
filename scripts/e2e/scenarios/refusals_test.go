package scenarios

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/scripts/internal/check"
	"ordersaga.internal/scripts/internal/load"
)

// Scenarios 4 to 7: what was done is undone in reverse, and nothing else is asked of anybody.
func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		method   string
		skus     []string
		commands []string
		calls    int      // operations at payment
		moved    []string // at the provider, each the whole amount
	}{
		"out of stock": {
			"pm_ok", []string{"SKU-0110", "SOLD-OUT"}, []string{"ReserveStock", "RejectOrder"}, 0, nil,
		},
		"declined": {
			"pm_declined", []string{"SKU-0110"}, []string{"ReserveStock", "AuthorizePayment", "ReleaseStock", "RejectOrder"}, 1, nil,
		},
		"capture refused": {
			"pm_capture_refused", []string{"SKU-0110"},
			[]string{"ReserveStock", "AuthorizePayment", "CapturePayment", "VoidPayment", "ReleaseStock", "RejectOrder"}, 2, []string{"authorize", "expire"},
		},
		"damaged": {
			"pm_ok", []string{"SKU-0110", "DAMAGED"},
			[]string{
				"ReserveStock", "AuthorizePayment", "CapturePayment", "DispatchOrder", "RefundPayment", "VoidPayment", "ReleaseStock", "RejectOrder",
			}, 2, []string{"authorize", "capture", "refund"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer w.holds(t)
			id := w.Place(t, c.method, c.skus...)
			w.Hears(t, id, "OrderRejected", 1)
			require.Equal(t, c.commands, w.commands(id))
			require.Equal(t, len(c.commands), w.sent(id), "nothing is sent twice")
			require.Equal(t, c.calls, w.Count(t, "payments", "SELECT count(*) FROM operation WHERE order_id = $1", id))
			want := map[string]int64{}
			for _, operation := range c.moved {
				want[operation] = w.total(t, id)
			}
			require.Equal(t, want, w.moved(t, id))
			if c.calls == 0 {
				require.Empty(t, w.Ledger(t, id))
			}
			require.Zero(t, w.Count(t, "warehouse", "SELECT count(*) FROM holds WHERE order_id = $1 AND state = 'held'", id))
		})
	}
}

// sent counts the process manager's messages to an order, repeats included.
func (w *world) sent(id uuid.UUID) (n int) {
	for _, r := range w.Said(id) {
		if load.Header(r, "ce_source") == "/services/processmanager" {
			n++
		}
	}
	return n
}

// Scenario 8.
func TestTheLastUnitAndAHundredBuyers(t *testing.T) {
	defer w.holds(t)
	const sku = "LAST-UNIT"
	token, err := w.Keys.Token("olga", "operator", time.Hour)
	require.NoError(t, err)
	price := map[string]any{"amount_minor": 999, "currency": "EUR"}
	_, err = load.NewClient(w.APIs("order"), token).Do(t.Context(), http.MethodPut, "/v1/products/"+sku, "", map[string]any{"name": "The last", "unit_price": price}, nil)
	require.NoError(t, err)
	_, err = w.Warehouse.Do(t.Context(), http.MethodPost, "/v1/stock/"+sku+"/receipts", uuid.NewString(), map[string]int{"quantity": 1}, nil)
	require.NoError(t, err)
	w.goods = append(w.goods, check.Goods{SKU: sku, PriceMinor: 999, Currency: "EUR", Received: 1})

	ids := make([]uuid.UUID, 100)
	var all errgroup.Group
	for i := range ids {
		all.Go(func() (err error) {
			ids[i], err = w.Customer.Place(t.Context(), "", one(sku))
			return err
		})
	}
	require.NoError(t, all.Wait())
	w.Placed = append(w.Placed, ids...)
	completed := 0
	for _, id := range ids {
		testkit.Eventually(t, func() bool { return w.Heard(id, "OrderCompleted")+w.Heard(id, "OrderRejected") > 0 }, "its end")
		completed += min(1, w.Heard(id, "OrderCompleted"))
	}
	require.Equal(t, 1, completed)
	var level struct {
		OnHand     int `json:"on_hand"`
		Reserved   int `json:"reserved"`
		Dispatched int `json:"dispatched"`
	}
	_, err = w.Warehouse.Do(t.Context(), http.MethodGet, "/v1/stock/"+sku, "", nil, &level)
	require.NoError(t, err)
	require.Equal(t, [3]int{0, 0, 1}, [3]int{level.OnHand, level.Reserved, level.Dispatched})
}
