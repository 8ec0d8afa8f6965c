package scenarios

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ordersaga.internal/scripts/internal/check/read"
)

// What every other test relies on: the checker sees that an order is in flight, and waits for it.
func TestAnOrderInFlightIsNoRest(t *testing.T) {
	defer w.holds(t)
	w.Hold(t, "authorize")
	id := w.Place(t, "pm_ok", "SKU-0099")
	w.Hears(t, id, "AuthorizePayment", 1)
	live, err := read.Open(t.Context(), w.Addresses())
	require.NoError(t, err)
	defer live.Close()
	rest, err := live.Rest(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(1), rest.Waiting)
	w.Clear(t)
	require.NoError(t, live.Await(t.Context(), time.Minute, nil))
	require.Equal(t, "completed", w.Instance(t, id).State)
}
