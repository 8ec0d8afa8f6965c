package e2e

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/scripts/internal/load"
)

// message is what a tap must find: its topic, type and source, its number among what the source says of the order, and
// the message that it follows from.
type message struct{ topic, wireType, source, sequence, cause string }

// completed is the life of an order that completes: DESIGN, section 3.
var completed = []message{
	{"order.events", "OrderPlaced.v1", "/services/order", "00000000000000000001", ""},
	{"warehouse.commands", "ReserveStock.v1", "/services/processmanager", "00000000000000000001", "OrderPlaced.v1"},
	{"warehouse.events", "StockReserved.v1", "/services/warehouse", "00000000000000000001", "ReserveStock.v1"},
	{"payment.commands", "AuthorizePayment.v1", "/services/processmanager", "00000000000000000002", "StockReserved.v1"},
	{"payment.events", "PaymentAuthorized.v1", "/services/payment", "00000000000000000001", "AuthorizePayment.v1"},
	{"payment.commands", "CapturePayment.v1", "/services/processmanager", "00000000000000000003", "PaymentAuthorized.v1"},
	{"payment.events", "PaymentCaptured.v1", "/services/payment", "00000000000000000002", "CapturePayment.v1"},
	{"warehouse.commands", "DispatchOrder.v1", "/services/processmanager", "00000000000000000004", "PaymentCaptured.v1"},
	{"warehouse.events", "OrderDispatched.v1", "/services/warehouse", "00000000000000000002", "DispatchOrder.v1"},
	{"order.commands", "CompleteOrder.v1", "/services/processmanager", "00000000000000000005", "OrderDispatched.v1"},
	{"order.events", "OrderCompleted.v1", "/services/order", "00000000000000000002", "CompleteOrder.v1"},
}

const (
	canonicalUUID = `[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`
	clientTrace   = "4bf92f3577b34da6a3ce929d0e0e4736"
)

// What kcat shows of one completed order, on the six topics together: these messages, these headers, and no more.
func TestMessagesOfACompletedOrder(t *testing.T) {
	look := admin(t)
	before := ends(t, look)
	order := place(t, "alice", "pm_ok", map[string]string{
		"traceparent": "00-" + clientTrace + "-00f067aa0ba902b7-01", "tracestate": "shop=till-7",
	})
	require.Equal(t, "completed", ended(t, "alice", order))
	require.Equal(t, "completed", settled(t, order).State)
	records := between(t, before, ends(t, look))

	ids := map[string]string{} // message type → its id
	var found, want []string
	for _, r := range records {
		found = append(found, r.Topic+" "+load.Header(r, "ce_type"))
		ids[load.Header(r, "ce_type")] = load.Header(r, "ce_id")
	}
	for _, m := range completed {
		want = append(want, m.topic+" "+m.wireType)
	}
	require.ElementsMatch(t, want, found)
	require.Len(t, slices.Compact(slices.Sorted(maps.Values(ids))), len(completed), "ids are unique")

	for _, r := range records {
		i := slices.IndexFunc(completed, func(m message) bool { return m.wireType == load.Header(r, "ce_type") })
		t.Run(completed[i].wireType, func(t *testing.T) { holds(t, r, order, completed[i], ids) })
	}
}

// The topics are what DESIGN, section 4, says.
func TestMessagesHaveTheirTopics(t *testing.T) {
	look := admin(t)
	settings, err := look.DescribeTopicConfigs(t.Context(), contracts.Topics()...)
	require.NoError(t, err)
	require.Len(t, settings, 6)
	for _, topic := range settings {
		require.NoError(t, topic.Err)
		found := map[string]string{}
		for _, c := range topic.Configs {
			found[c.Key] = c.MaybeValue()
		}
		require.Equal(t, "delete", found["cleanup.policy"], topic.Name)
		require.Equal(t, "LogAppendTime", found["message.timestamp.type"], topic.Name)
	}
	details, err := look.ListTopics(t.Context(), contracts.Topics()...)
	require.NoError(t, err)
	for _, topic := range details {
		require.Len(t, topic.Partitions, contracts.Partitions, topic.Topic)
	}
}

// holds compares a record with DESIGN, section 4.
func holds(t *testing.T, r *kgo.Record, order uuid.UUID, m message, ids map[string]string) {
	t.Helper()
	headers := map[string]string{ // name → pattern
		"ce_specversion": `1\.0`, "ce_id": canonicalUUID, "ce_source": m.source, "ce_type": regexp.QuoteMeta(m.wireType),
		"ce_subject": order.String(), "ce_time": `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z`, "ce_sequence": m.sequence,
		"ce_correlationid": order.String(), "content-type": "application/json",
		"traceparent": "00-" + clientTrace + "-[0-9a-f]{16}-01", "tracestate": "shop=till-7",
	}
	if m.cause != "" { // the first has none: it follows from a request
		headers["ce_causationid"] = ids[m.cause]
	}
	if strings.HasSuffix(m.topic, ".commands") {
		headers["ce_attempt"] = "1"
	}
	seen := map[string]bool{}
	for _, h := range r.Headers {
		require.False(t, seen[h.Key], "header %s twice", h.Key)
		seen[h.Key] = true
		require.Contains(t, headers, h.Key, "a header that no contract names")
		require.Regexp(t, "^"+headers[h.Key]+"$", string(h.Value), h.Key)
	}
	for name := range headers {
		require.True(t, seen[name], "header %s is missing", name)
	}
	require.Equal(t, order.String(), string(r.Key))
	require.Equal(t, kafka.Partition(r.Key, contracts.Partitions), r.Partition)
	require.True(t, strings.HasPrefix(string(r.Value), `{"order_id":"`+order.String()+`"`), "%s", r.Value)
}
