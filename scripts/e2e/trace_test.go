package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/stack"
)

// traced returns the spans of an order's trace once they form one tree that holds those of every message, and of the
// calls to the provider.
func traced(t *testing.T, traceID string, records []*kgo.Record) (spans []span) {
	t.Helper()
	missing := ""
	defer func() {
		if missing != "" {
			t.Log("the trace lacks:", missing)
		}
	}()
	testkit.Eventually(t, func() bool {
		spans = read(t, traceID)
		missing = incomplete(spans, records)
		return missing == ""
	}, "the trace", traceID)
	return spans
}

// listeners hear of every order. No order waits for them.
func listeners() []stack.Service { return []stack.Service{stack.View(), stack.Loyalty()} }

// incomplete names what a trace lacks: it comes to Jaeger in pieces.
func incomplete(spans []span, records []*kgo.Record) string {
	for _, r := range records {
		for _, operation := range []string{"publish", "process"} {
			if !slices.ContainsFunc(spans, func(s span) bool { return s.is(operation, r) && !s.listens() }) {
				return operation + " " + load.Header(r, "ce_type")
			}
		}
	}
	for _, l := range listeners() {
		if !slices.ContainsFunc(spans, func(s span) bool { return s.program == l.Name }) {
			return "what " + l.Name + " does"
		}
	}
	known := map[string]bool{}
	for _, s := range spans {
		known[s.SpanID] = true
	}
	answered := map[string]bool{} // calls
	for _, s := range spans {
		if s.parent() != "" && !known[s.parent()] {
			return "the parent of " + s.program + ": " + s.Name
		}
		answered[s.parent()] = true
	}
	for _, s := range spans {
		if s.tag("span.kind") == "client" && !answered[s.SpanID] {
			return "the provider's side of " + s.Name
		}
	}
	return ""
}

// is tells whether it is a messaging span of a record.
func (s span) is(operation string, r *kgo.Record) bool {
	return s.tag("messaging.operation.name") == operation && s.tag("messaging.message.id") == load.Header(r, "ce_id")
}

// listens tells whether it is a listener's: they take every event, too.
func (s span) listens() bool {
	return slices.ContainsFunc(listeners(), func(l stack.Service) bool { return l.Name == s.program })
}

// receiver is the one program that handles what is on a topic.
func receiver(topic string) string {
	if owner, ok := strings.CutSuffix(topic, ".commands"); ok {
		return owner
	}
	return "processmanager"
}

// One order is one trace in Jaeger: from the HTTP request through each message, sent and processed, to the provider.
func TestTraceOfAnOrder(t *testing.T) {
	look := admin(t)
	before := ends(t, look)
	order := place(t, "alice", "pm_ok", nil)
	require.Equal(t, "completed", ended(t, "alice", order))
	saga := settled(t, order)
	records := between(t, before, ends(t, look))
	require.Len(t, records, len(completed))
	spans := traced(t, saga.TraceID, records)

	programs := map[string]int{}
	var first []span
	for _, s := range spans {
		programs[s.program]++
		if s.parent() == "" {
			first = append(first, s)
		}
	}
	shown := append(stack.Services(), listeners()...)
	for _, p := range shown {
		require.Positive(t, programs[p.Name], "spans of %s", p.Name)
	}
	require.Len(t, programs, len(shown), "%v", programs)
	require.Len(t, first, 1, "one span has no parent")
	require.Equal(t, "order", first[0].program)
	require.Equal(t, "POST /v1/orders", first[0].Name)
	require.Equal(t, "server", first[0].tag("span.kind"))
	require.InDelta(t, http.StatusAccepted, first[0].tag("http.response.status_code"), 0)

	for _, r := range records {
		t.Run(load.Name(r), func(t *testing.T) { conventional(t, spans, r, order) })
	}
	for _, call := range []struct{ name, route string }{
		{"provider authorize", "POST /v1/authorizations"}, {"provider capture", "POST /v1/authorizations/{id}/capture"},
	} {
		t.Run(call.name, func(t *testing.T) {
			out := one(t, spans, func(s span) bool { return s.program == "payment" && s.Name == call.name })
			require.Equal(t, "client", out.tag("span.kind"))
			in := one(t, spans, func(s span) bool { return s.program == "provider" && s.parent() == out.SpanID })
			require.Equal(t, call.route, in.Name)
			require.Equal(t, "server", in.tag("span.kind"))
		})
	}
}

// conventional holds the two spans of a record against OpenTelemetry's conventions for messaging.
func conventional(t *testing.T, spans []span, r *kgo.Record, order uuid.UUID) {
	t.Helper()
	sender := strings.TrimPrefix(load.Header(r, "ce_source"), "/services/")
	for _, want := range []struct{ operation, kind, operationType, program string }{
		{"publish", "producer", "send", sender}, {"process", "consumer", "process", receiver(r.Topic)},
	} {
		s := one(t, spans, func(s span) bool { return s.is(want.operation, r) && !s.listens() })
		require.Equal(t, want.program, s.program)
		for key, value := range map[string]any{
			"span.kind": want.kind, "messaging.system": "kafka", "messaging.operation.type": want.operationType,
			"messaging.destination.name": r.Topic, "messaging.message.conversation_id": order.String(),
			"cloudevents.event_type": load.Header(r, "ce_type"), "cloudevents.event_source": load.Header(r, "ce_source"),
		} {
			require.Equal(t, value, s.tag(key), "%s of %s", key, s.Name)
		}
		require.IsType(t, "", s.tag("messaging.destination.partition.id"))
	}
	consumed := one(t, spans, func(s span) bool { return s.is("process", r) && !s.listens() })
	require.Equal(t, receiver(r.Topic), consumed.tag("messaging.consumer.group.name"))
	require.InDelta(t, r.Offset, consumed.tag("messaging.kafka.offset"), 0)
}

// one returns the only span that fits.
func one(t *testing.T, spans []span, fits func(span) bool) span {
	t.Helper()
	var found []span
	for _, s := range spans {
		if fits(s) {
			found = append(found, s)
		}
	}
	require.Len(t, found, 1)
	return found[0]
}

// A command that is sent again because its time came, long after the request, still belongs to the request's trace.
func TestTraceOfACommandSentAgain(t *testing.T) {
	fault(t, http.MethodPost, `{"operation":"authorize","fault":"5xx"}`)
	t.Cleanup(func() { fault(t, http.MethodDelete, "") })
	look := admin(t)
	before := ends(t, look)
	order := place(t, "alice", "pm_ok", nil)
	sentAgain := func() bool {
		return slices.ContainsFunc(between(t, before, ends(t, look)), func(r *kgo.Record) bool {
			return load.Name(r) == "AuthorizePayment" && load.Header(r, "ce_attempt") == "2"
		})
	}
	testkit.Eventually(t, sentAgain, "the second attempt")
	fault(t, http.MethodDelete, "")
	require.Equal(t, "completed", ended(t, "alice", order))
	saga := settled(t, order)
	records := between(t, before, ends(t, look))
	for _, r := range records {
		require.Equal(t, saga.TraceID, strings.Split(load.Header(r, "traceparent"), "-")[1], load.Header(r, "ce_type"))
	}
	spans := traced(t, saga.TraceID, records)
	due := one(t, spans, func(s span) bool { return s.program == "processmanager" && s.Name == "process saga.Due" })
	require.Equal(t, "internal", due.tag("span.kind"))
	sent := 0
	for _, s := range spans {
		if s.Name == "publish AuthorizePayment.v1" {
			sent++
		}
	}
	require.Equal(t, 2, sent)
}
