package lives

import (
	"encoding/json"
	"net/http"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/tmaxmax/go-sse"

	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/scripts/internal/stack"
)

// get asks one replica of the order service. headers are names and values by turns.
func (w world) get(t *testing.T, p *stack.Program, path string, headers ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.API+path, nil)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+w.Customer.Token)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// shown is an order as an event of its stream has it.
type shown struct {
	Status   string `json:"status"`
	Timeline []struct {
		Event string `json:"event"`
	} `json:"timeline"`
	Parcel *struct {
		ShipmentID string `json:"shipment_id"`
	} `json:"parcel"`
}

// A customer follows an order; the replica that tells is killed in the middle; the other one goes on where it stopped.
func TestFollowingAnOrderAcrossAKilledReplica(t *testing.T) {
	w := begin(t, 2)
	var replicas, views []*stack.Program
	for _, p := range w.Programs {
		switch p.Service.Name {
		case "order":
			replicas = append(replicas, p)
		case "orderview":
			views = append(views, p)
		}
	}
	require.Len(t, replicas, 2)
	w.Fault(t, "capture", "slow", 3*time.Second)
	id := w.Place(t, "pm_ok", "SKU-0001")
	path := "/v1/orders/" + id.String()

	stream := w.get(t, replicas[0], path+"/events")
	require.Equal(t, http.StatusOK, stream.StatusCode)
	told := map[string]bool{}
	last := ""
	for e, err := range sse.Read(stream.Body, nil) {
		if err != nil { // it was cut off
			break
		}
		var o shown
		require.NoError(t, json.Unmarshal([]byte(e.Data), &o))
		require.Equal(t, "placed", o.Status)
		told[e.LastEventID], last = true, e.LastEventID
		if n := len(o.Timeline); n > 0 && o.Timeline[n-1].Event == "PaymentAuthorized" {
			require.NoError(t, replicas[0].Process().Signal(syscall.SIGKILL))
		}
	}
	<-replicas[0].Process().Done()

	stream = w.get(t, replicas[1], path+"/events", "Last-Event-ID", last)
	require.Equal(t, http.StatusOK, stream.StatusCode)
	var o shown
	for e, err := range sse.Read(stream.Body, nil) {
		require.NoError(t, err)
		require.False(t, told[e.LastEventID], "%s was told before", e.LastEventID)
		told[e.LastEventID], last, o = true, e.LastEventID, shown{}
		require.NoError(t, json.Unmarshal([]byte(e.Data), &o))
	}
	require.Equal(t, "completed", o.Status)
	require.NotNil(t, o.Parcel)
	require.Len(t, o.Timeline, 6, "%v", o.Timeline)
	require.Equal(t, http.StatusNoContent, w.get(t, replicas[1], path+"/events", "Last-Event-ID", last).StatusCode)

	// The id is what the ETag says, at every replica.
	require.NoError(t, replicas[0].Start())
	require.NoError(t, replicas[0].WaitReady(t.Context()))
	for _, p := range replicas {
		require.Equal(t, http.StatusNotModified, w.get(t, p, path, "If-None-Match", `"`+last+`"`).StatusCode)
		require.NotEmpty(t, w.get(t, p, path).Header.Get("Last-Modified"))
	}
	w.lags(t, replicas[0], views, id)
}

// lags: while the read model does not move, orders are shown all the same, and how old they are.
func (w world) lags(t *testing.T, order *stack.Program, views []*stack.Program, id uuid.UUID) {
	t.Helper()
	age := func() int {
		seconds, err := strconv.Atoi(w.get(t, order, "/v1/orders/"+id.String()).Header.Get("Age"))
		require.NoError(t, err)
		return seconds
	}
	for _, p := range views {
		require.NoError(t, p.Process().Signal(syscall.SIGSTOP))
	}
	testkit.Eventually(t, func() bool { return age() >= 2 }, "it shows that the read model is behind")
	late := w.Place(t, "pm_ok", "SKU-0002")
	w.Hears(t, late, "OrderCompleted", 1)
	testkit.Eventually(t, func() bool {
		var o shown
		require.NoError(t, json.NewDecoder(w.get(t, order, "/v1/orders/"+late.String()).Body).Decode(&o))
		require.Nil(t, o.Parcel)
		return o.Status == "completed"
	}, "orders go on without it")
	for _, p := range views {
		require.NoError(t, p.Process().Signal(syscall.SIGCONT))
	}
	testkit.Eventually(t, func() bool { return age() == 0 }, "it is there again")
}
