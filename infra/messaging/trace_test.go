package messaging

import (
	"errors"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"ordersaga.internal/infra/testkit"
)

const sampledParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func recorder() (trace.Tracer, *tracetest.SpanRecorder) {
	spans := tracetest.NewSpanRecorder()
	return sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)).Tracer(""), spans
}

func TestSampledWorkHasSpans(t *testing.T) {
	t.Parallel()
	tracer, spans := recorder()
	in := testMessage()
	in.Traceparent = sampledParent
	startProcess(tracer, "warehouse", &in)(errors.New("no"))
	span := spans.Ended()[0]
	if span.Name() != "process PaymentAuthorized.v1" || span.SpanKind() != trace.SpanKindConsumer || span.Status().Code != codes.Error {
		t.Errorf("span %s, %s, %v", span.Name(), span.SpanKind(), span.Status())
	}
	if span.Parent().SpanID().String() != "b7ad6b7169203331" {
		t.Errorf("parent %s", span.Parent().SpanID())
	}
	// What in leads to belongs to the span.
	want := "00-0af7651916cd43dd8448eb211c80319c-" + span.SpanContext().SpanID().String() + "-01"
	if in.Traceparent != want || in.Tracestate != "vendor=1" {
		t.Errorf("passed on: %s %s, want %s", in.Traceparent, in.Tracestate, want)
	}
}

// A submitted input comes from no topic: nobody may look for its message in Kafka.
func TestASubmittedInputHasNoMessagingSpan(t *testing.T) {
	t.Parallel()
	tracer, spans := recorder()
	in := Message{Subject: testMessage().Subject, Body: &struct{}{}, Traceparent: sampledParent}
	startProcess(tracer, "warehouse", &in)(nil)
	span := spans.Ended()[0]
	if span.SpanKind() != trace.SpanKindInternal || len(span.Attributes()) != 1 {
		t.Errorf("span of kind %s with %v", span.SpanKind(), span.Attributes())
	}
}

func TestUnsampledWorkCostsNothing(t *testing.T) {
	tracer, spans := recorder()
	for _, parent := range []string{"", testParent, "nonsense", sampledParent + "0"} {
		in := testMessage()
		in.Traceparent = parent
		if n := testing.AllocsPerRun(100, func() { startProcess(tracer, "warehouse", &in)(nil) }); n != 0 {
			t.Errorf("%q: %v allocations", parent, n)
		}
		if in.Traceparent != parent {
			t.Errorf("%q became %q", parent, in.Traceparent)
		}
	}
	if n := len(spans.Ended()); n != 0 {
		t.Errorf("%d spans", n)
	}
}

// A sampled message has a span of its way to the broker, but its headers stay as they were decided.
func TestRelayTracesWhatIsSampled(t *testing.T) {
	t.Parallel()
	s := newStation(t, testkit.Kafka(t))
	r := s.relay(s.db.Pool)
	tracer, spans := recorder()
	r.tracer = tracer
	traced, plain := uuid.New(), uuid.New()
	out := append(events(traced, 1), events(plain, 1)...)
	out[0].Traceparent = sampledParent
	err := pgx.BeginFunc(t.Context(), s.db.Pool, func(tx pgx.Tx) error { return insertOutbox(t.Context(), tx, out) })
	if err != nil {
		t.Fatal(err)
	}
	s.run(r)
	s.wantInOrder(traced, 1)
	s.wantInOrder(plain, 1)
	s.empty()
	if len(spans.Ended()) != 1 || spans.Ended()[0].Name() != "publish Event" {
		t.Fatalf("spans: %v", spans.Ended())
	}
	for _, record := range s.read {
		if m, err := fromRecord(s.broker.Prefix, record); err != nil || m.Subject == traced && m.Traceparent != sampledParent {
			t.Errorf("traceparent %s, error %v", m.Traceparent, err)
		}
	}
}
