package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/stack"
)

// token returns a good one.
func token(t *testing.T, subject string, roles ...string) string {
	t.Helper()
	signed, err := system.Keys.Sign(stack.Claims(subject, time.Hour, roles...))
	require.NoError(t, err)
	return signed
}

// request is one to one of the APIs. Headers that are "" are left out.
type request struct {
	method, url string
	headers     map[string]string
	body        io.Reader
}

// answer to a request.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func send(t *testing.T, r request) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 40*time.Second) // cleaning up sends too
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, r.method, r.url, r.body)
	require.NoError(t, err)
	for name, value := range r.headers {
		if value != "" {
			q.Header.Set(name, value)
		}
	}
	res, err := http.DefaultClient.Do(q)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return answer{res.StatusCode, res.Header, body}
}

// api is the URL of a service's API.
func api(service, path string) string { return "http://" + system.APIs(service)[0] + path }

// sku is what the tests order. Schemathesis changes price and stock of the first ones, which the documents name.
const sku = "SKU-0500"

// place places an order as a customer, with more headers if wanted, and returns its id.
func place(t *testing.T, customer, method string, headers map[string]string) uuid.UUID {
	t.Helper()
	body, err := json.Marshal(load.Order{Lines: []load.Line{{SKU: sku, Quantity: 2}}, PaymentMethod: method, ShipTo: "addr-1"})
	require.NoError(t, err)
	all := map[string]string{
		"Authorization": "Bearer " + token(t, customer, "customer"), "Content-Type": "application/json", "Idempotency-Key": uuid.NewString(),
	}
	maps.Copy(all, headers)
	a := send(t, request{http.MethodPost, api("order", "/v1/orders"), all, bytes.NewReader(body)})
	require.Equal(t, http.StatusAccepted, a.status, "%s", a.body)
	id, err := uuid.Parse(strings.TrimPrefix(a.header.Get("Location"), "/v1/orders/"))
	require.NoError(t, err)
	return id
}

// ended waits until the customer sees the order's end, and returns how it ended.
func ended(t *testing.T, customer string, order uuid.UUID) string {
	t.Helper()
	a := send(t, request{http.MethodGet, api("order", "/v1/orders/"+order.String()), map[string]string{
		"Authorization": "Bearer " + token(t, customer, "customer"), "Prefer": "wait=30",
	}, nil})
	require.Equal(t, http.StatusOK, a.status, "%s", a.body)
	var o struct {
		Status string `json:"status"`
	}
	require.NoError(t, json.Unmarshal(a.body, &o))
	return o.Status
}

// fault sets a switch of the provider, or with DELETE clears all.
func fault(t *testing.T, method, body string) {
	t.Helper()
	a := send(t, request{method, api("provider", "/v1/faults"), map[string]string{
		"Authorization": "Bearer " + stack.ProviderKey, "Content-Type": "application/json",
	}, strings.NewReader(body)})
	require.Less(t, a.status, http.StatusMultipleChoices, "%s", a.body)
}

// instance is what an operator sees of an order's saga.
type instance struct {
	State   string `json:"state"`
	TraceID string `json:"trace_id"`
}

// settled waits until the order's saga has ended, after which nothing more is sent for it, and returns the instance.
func settled(t *testing.T, order uuid.UUID) (i instance) {
	t.Helper()
	operator := map[string]string{"Authorization": "Bearer " + token(t, "olga", "operator")}
	testkit.Eventually(t, func() bool {
		a := send(t, request{http.MethodGet, "http://" + system.Admin("processmanager") + "/admin/v1/instances/" + order.String(), operator, nil})
		if a.status == http.StatusNotFound { // the process manager has not read of it yet
			return false
		}
		require.Equal(t, http.StatusOK, a.status, "%s", a.body)
		require.NoError(t, json.Unmarshal(a.body, &i))
		return slices.Contains([]string{"completed", "rejected", "cancelled"}, i.State)
	}, "the saga's end")
	return i
}

// admin returns a client that looks at the topics.
func admin(t *testing.T) *kadm.Client {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(system.Brokers, ",")...))
	require.NoError(t, err)
	t.Cleanup(cl.Close)
	return kadm.NewClient(cl)
}

// ends returns where each of the six topics ends.
func ends(t *testing.T, look *kadm.Client) kadm.Offsets {
	t.Helper()
	listed, err := look.ListEndOffsets(t.Context(), contracts.Topics()...)
	require.NoError(t, err)
	require.NoError(t, listed.Error())
	return listed.Offsets()
}

// between returns every record of the six topics from one place to another.
func between(t *testing.T, from, to kadm.Offsets) []*kgo.Record {
	t.Helper()
	missing := 0
	begin := map[string]map[int32]kgo.Offset{}
	to.Each(func(end kadm.Offset) {
		start, _ := from.Lookup(end.Topic, end.Partition)
		if n := int(end.At - start.At); n > 0 {
			missing += n
			if begin[end.Topic] == nil {
				begin[end.Topic] = map[int32]kgo.Offset{}
			}
			begin[end.Topic][end.Partition] = kgo.NewOffset().At(start.At)
		}
	})
	if missing == 0 {
		return nil
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(system.Brokers, ",")...), kgo.ConsumePartitions(begin))
	require.NoError(t, err)
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var records []*kgo.Record
	for len(records) < missing {
		fetches := cl.PollFetches(ctx)
		require.NoError(t, fetches.Err(), "%d of %d records came", len(records), missing)
		fetches.EachRecord(func(r *kgo.Record) {
			if end, _ := to.Lookup(r.Topic, r.Partition); r.Offset < end.At {
				records = append(records, r)
			}
		})
	}
	return records
}
