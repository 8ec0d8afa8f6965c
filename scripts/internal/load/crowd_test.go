package load

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestMix(t *testing.T) {
	t.Parallel()
	draw := func(seed uint64, hopeless bool) (kinds []Kind, count map[Kind]int) {
		r := rand.New(rand.NewPCG(seed, 0))
		count = map[Kind]int{}
		for range 10_000 {
			m := Mix(r, hopeless)
			kinds = append(kinds, m.Kind)
			count[m.Kind]++
			require.Equal(t, m.Kind == SoldOut, m.Lines[len(m.Lines)-1].SKU == "SOLD-OUT")
		}
		return kinds, count
	}
	one, count := draw(1, true)
	again, _ := draw(1, true)
	require.Equal(t, one, again)
	for _, k := range Kinds() {
		require.Positive(t, count[k], k)
	}
	require.InDelta(t, 6000, count[Completes], 300)
	_, count = draw(1, false)
	require.Zero(t, count[NeverDone]+count[Unavailable])
}

func end(id uuid.UUID, event, value string) *kgo.Record {
	return &kgo.Record{Key: []byte(id.String()), Value: []byte(value), Headers: []kgo.RecordHeader{{Key: "ce_type", Value: []byte(event + ".v1")}}}
}

func TestFlights(t *testing.T) {
	t.Parallel()
	f := newFlights()
	ids := make([]uuid.UUID, 5)
	for i := range ids {
		ids[i] = uuid.Must(uuid.NewV7())
	}
	f.See(end(ids[0], "OrderCompleted", `{}`)) // before its 202
	f.accept(ids[0], Completes, time.Now())
	require.Zero(t, f.Moving())
	waited := make(chan error, 1)
	go func() { waited <- f.AtLeast(t.Context(), 2) }()
	f.accept(ids[1], Declined, time.Now())
	f.accept(ids[2], NeverDone, time.Now()) // only waits for its deadline
	f.accept(ids[3], Completes, time.Now())
	require.NoError(t, <-waited)
	require.Equal(t, 2, f.Moving())
	f.See(end(ids[1], "OrderCompleted", `{}`)) // which may never be
	f.See(end(ids[1], "OrderRejected", `{}`))  // the first counts
	f.See(end(ids[2], "OrderRejected", `{"reason":"timed_out"}`))
	f.See(end(ids[3], "OrderRejected", `{"step":"reserve stock","reason":"timed_out"}`))
	f.accept(ids[4], Completes, time.Now())
	l := f.Log()
	require.Equal(t, 5, l.Accepted)
	require.Equal(t, 4, l.Ended)
	require.Len(t, l.Wrong, 1)
	require.Contains(t, l.Wrong[0], ids[1].String())
	require.Equal(t, map[string]int{"completes: reserve stock": 1}, l.GivenUp)
	require.Equal(t, []uuid.UUID{ids[4]}, f.Open())
}

// Every request is repeated with its key until it is answered, whatever the server did first.
func TestCrowdInsists(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	asked := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		key := r.Header.Get("Idempotency-Key")
		asked[key]++
		n := asked[key]
		mu.Unlock()
		switch {
		case key == "": // a cancellation
			w.WriteHeader(http.StatusConflict)
		case n == 1:
			panic(http.ErrAbortHandler)
		case n == 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			w.Header().Set("Location", "/v1/orders/"+uuid.NewString())
			w.WriteHeader(http.StatusAccepted)
		}
	}))
	defer server.Close()
	c := NewCrowd(NewClient([]string{server.Listener.Addr().String()}, "token"))
	firstWave := func(context.Context) error { <-time.After(time.Second); return nil }
	require.NoError(t, c.During(t.Context(), 10, 1, time.Time{}, firstWave))
	l := c.Log()
	require.Zero(t, l.Failed, "%v", l.Failures)
	require.Positive(t, l.Accepted)
	require.Equal(t, 2*l.Accepted, l.Repeats)
	for key, n := range asked {
		require.True(t, key == "" || n == 3, "%s: %d", key, n)
	}
}
