package poison

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/scripts/internal/load"
)

func record(order uuid.UUID, source, sequence, name, value string) *kgo.Record {
	return &kgo.Record{Key: []byte(order.String()), Value: []byte(value), Headers: []kgo.RecordHeader{
		{Key: "ce_source", Value: []byte(source)}, {Key: "ce_sequence", Value: []byte(sequence)}, {Key: "ce_type", Value: []byte(name + ".v1")},
	}}
}

// Exactly one order in so many is the marked customer's, and they are all alike.
func TestTraffic(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	byToken, bodies := map[string]int{}, map[string]map[int64]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := r.Header.Get("Authorization")
		mu.Lock()
		defer mu.Unlock()
		if byToken[token]++; byToken[token] == 3 && token == "Bearer others" {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if bodies[token] == nil {
			bodies[token] = map[int64]bool{}
		}
		bodies[token][r.ContentLength] = true
		w.Header().Set("Location", "/v1/orders/"+uuid.NewString())
		w.WriteHeader(http.StatusAccepted)
	}))
	defer server.Close()
	at := []string{server.Listener.Addr().String()}
	crowd := &Traffic{Others: load.NewClient(at, "others"), Marked: load.NewClient(at, "marked"), OneIn: 10, Seed: 1}
	all, refused, err := crowd.Run(t.Context(), t.Context(), 1000, 100*time.Millisecond)
	require.Equal(t, map[string]int{"Bearer others": 90, "Bearer marked": 10}, byToken)
	require.Equal(t, 1, refused)
	require.ErrorContains(t, err, "503")
	require.Len(t, all, 99)
	require.Len(t, bodies["Bearer marked"], 1)
	marked := 0
	for i := range all {
		if all[i].Marked {
			marked++
		}
	}
	require.Equal(t, 10, marked)
	placing, stop := context.WithCancel(t.Context())
	stop()
	all, refused, err = crowd.Run(t.Context(), placing, 1, time.Hour)
	require.NoError(t, err)
	require.Zero(t, refused)
	require.LessOrEqual(t, len(all), 1)
}

// The ear keeps what was said of marked orders, also before it knows whose they are, and nothing of others.
func TestEar(t *testing.T) {
	t.Parallel()
	ear, marked, other := NewEar(), uuid.New(), uuid.New()
	for _, id := range []uuid.UUID{marked, other} {
		customer := map[bool]string{true: Customer("1"), false: "others"}[id == marked]
		ear.Hear(record(id, "warehouse", "1", "StockReserved", `{}`))
		ear.Hear(record(id, "order", "1", "OrderPlaced", `{"customer_id":"`+customer+`"}`))
		ear.Hear(record(id, "order", "2", "OrderCompleted", `{}`))
	}
	require.Len(t, ear.Said(marked), 3)
	require.True(t, ear.Heard(marked, "StockReserved"))
	require.False(t, ear.Heard(marked, "StockReleased"))
	require.Empty(t, ear.Said(other))
	require.Equal(t, 2, ear.Ends.Len())
}

func TestLife(t *testing.T) {
	t.Parallel()
	one, two := uuid.New(), uuid.New()
	said := func(id uuid.UUID, amount string) []*kgo.Record {
		return []*kgo.Record{
			record(id, "order", "0001", "OrderPlaced", `{"order_id":"`+id.String()+`","customer_id":"`+id.String()+`","total":`+amount+`}`),
			record(id, "warehouse", "0001", "StockReserved", `{"order_id":"`+id.String()+`"}`),
			record(id, "order", "0001", "OrderPlaced", `{"order_id":"`+id.String()+`","customer_id":"`+id.String()+`","total":`+amount+`}`),
		}
	}
	clean, err := LifeOf(said(one, "5"))
	require.NoError(t, err)
	alike, err := LifeOf(said(two, "5"))
	require.NoError(t, err)
	require.Len(t, clean, 2)
	require.Empty(t, alike.Differs(clean))

	dearer, err := LifeOf(said(two, "6"))
	require.NoError(t, err)
	require.Contains(t, dearer.Differs(clean), "order 1 is")
	longer, err := LifeOf(append(said(two, "5"), record(two, "order", "2", "OrderCompleted", `{}`)))
	require.NoError(t, err)
	require.Contains(t, longer.Differs(clean), "order 2 is")
	require.Contains(t, clean.Differs(longer), "order 2 is")

	again := record(two, "order", "2", "ReserveStock", `{}`)
	again.Headers = append(again.Headers, kgo.RecordHeader{Key: "ce_attempt", Value: []byte("2")})
	slow, err := LifeOf(append(said(two, "5"), again, record(two, "order", "3", "OrderCompleted", `{}`)))
	require.NoError(t, err)
	require.Empty(t, slow.Differs(longer))

	_, err = LifeOf(append(said(two, "5"), record(two, "order", "1", "OrderPlaced", `{"total":6}`)))
	require.ErrorContains(t, err, "came again as")
	_, err = LifeOf([]*kgo.Record{record(two, "order", "first", "OrderPlaced", `{}`)})
	require.ErrorContains(t, err, "ce_sequence")
	_, err = LifeOf([]*kgo.Record{record(two, "order", "1", "OrderPlaced", `{`)})
	require.Error(t, err)
}

func TestWrongQueue(t *testing.T) {
	t.Parallel()
	poison := Letter{Topic: "payment.events", Offset: 7, Type: "PaymentAuthorized.v1", Reason: "poison"}
	behind := func(topic string, offset int64) Letter {
		return Letter{Topic: topic, Offset: offset, Type: "StockReserved.v1", Reason: "behind"}
	}
	require.Empty(t, Wrong([]Letter{poison, behind("order.events", 3), behind("warehouse.events", 2), behind("payment.events", 8)}))
	for want, queue := range map[string][]Letter{
		"nothing of it is set aside":     nil,
		"the first of its queue is":      {behind("order.events", 3), poison, behind("order.events", 4)},
		"only 1 messages wait":           {poison, behind("order.events", 3)},
		"of its queue is poison":         {poison, behind("order.events", 3), poison},
		"stands behind offset 4":         {poison, behind("order.events", 4), behind("order.events", 3)},
		"stands behind offset 7":         {poison, behind("order.events", 4), behind("payment.events", 6)},
		"at offset 4 of order.events st": {poison, behind("order.events", 4), behind("order.events", 4)},
	} {
		require.Contains(t, Wrong(queue), want)
	}
}

func TestWindow(t *testing.T) {
	t.Parallel()
	ends, begin := load.NewEnds(), time.Now().Add(-time.Second)
	var placed []Placed
	for i, p := range []struct {
		due    time.Duration // from the beginning
		marked bool
		ends   bool
	}{
		{-time.Second, false, true}, // of the warm-up, and ended within
		{0, false, true},
		{time.Second, false, true},
		{time.Second, true, true},
		{time.Second, false, false},
		{time.Hour, false, true}, // of after
	} {
		id := uuid.New()
		placed = append(placed, Placed{ID: id, Marked: p.marked, Due: begin.Add(p.due), Accepted: time.Now().Add(-time.Duration(10*i) * time.Millisecond)})
		if p.ends {
			ends.See(record(id, "order", "2", "OrderCompleted", `{}`))
		}
	}
	w := Sum(placed, ends, begin, begin.Add(2*time.Second), map[string]float64{"order-1": 5, "kafka": 1}, map[string]float64{"order-1": 7, "kafka": 2})
	require.Equal(t, 4, w.Orders)
	require.InDelta(t, 2, w.PerS, 0) // three in the window's two seconds, and the later one's
	require.Equal(t, 2, w.Ending.Count)
	require.InDelta(t, 750, w.CPU, 1e-9)
	require.Equal(t, map[string]float64{"order-1": 500, "kafka": 250}, w.CPUByProcess)
}

func TestPairs(t *testing.T) {
	t.Parallel()
	pair := func(clean, poisoned, p50, p50Poisoned float64) Pair {
		return Pair{Window{PerS: clean, Ending: load.Times{P50: p50}}, Window{PerS: poisoned, Ending: load.Times{P50: p50Poisoned}}}
	}
	pairs := []Pair{pair(500, 450, 20, 30), pair(500, 500, 20, 20), pair(500, 100, 20, 21), pair(0, 500, 0, 20)}
	require.InDelta(t, 0.1, pairs[0].Throughput(), 1e-9)
	require.InDelta(t, 0.5, pairs[0].Median(), 1e-9)
	require.InDelta(t, 0, pairs[3].Throughput(), 1e-9)
	require.InDelta(t, 0.1, Of(pairs[:3], (*Pair).Throughput), 1e-9)
	require.InDelta(t, 0.05, Of(pairs[:3], (*Pair).Median), 1e-9)
	require.InDelta(t, 0.05, Of(pairs[:2], (*Pair).Throughput), 1e-9)
	require.InDelta(t, 0, Of(nil, (*Pair).Throughput), 0)
}
