package messaging

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// A traceparent is "00-" + 32 hex + "-" + 16 hex + "-" + 2 hex: W3C Trace Context, level 1.
const traceparentLength = 55

// propagator turns headers into span contexts and back.
var propagator = propagation.TraceContext{}

// wellFormed tells whether the header is worth passing on.
func wellFormed(traceparent []byte) bool {
	return len(traceparent) == traceparentLength && traceparent[2] == '-' && traceparent[35] == '-' && traceparent[52] == '-'
}

// maxTracestate is more than any tracer sends: 32 entries of up to 256 characters.
const maxTracestate = 8 << 10

// sendable tells whether a tracestate is worth passing on. It goes into the outbox with all that its message leads to, which
// no broker would take with a very long one, and no database with a NUL.
func sendable(tracestate []byte) bool {
	return len(tracestate) <= maxTracestate && !slices.ContainsFunc(tracestate, func(c byte) bool { return c != '\t' && (c < ' ' || c > '~') })
}

// sampled tells whether the trace is recorded. Work for one that is not costs nothing but this.
func sampled(traceparent string) bool {
	if len(traceparent) != traceparentLength {
		return false
	}
	flags := traceparent[traceparentLength-1]
	return strings.IndexByte("13579bdf", flags) >= 0
}

// startProcess starts the span of a message's Decide where its trace is sampled, and puts the span's context into in, so
// that all that in leads to belongs to the span; else it changes nothing and allocates nothing. Call end with Decide's
// error. in must be a copy where the message may be decided again.
func startProcess(tracer trace.Tracer, group string, in *Message) (end func(error)) {
	if !sampled(in.Traceparent) {
		return endNothing
	}
	// A submitted input comes from no topic: its span is one of ours and no messaging span.
	kind, name, attributes := trace.SpanKindInternal, strings.TrimPrefix(fmt.Sprintf("%T", in.Body), "*"),
		[]attribute.KeyValue{attribute.String("messaging.message.conversation_id", in.Subject.String())}
	if in.Topic != "" {
		kind, name, attributes = trace.SpanKindConsumer, in.Type, []attribute.KeyValue{
			attribute.String("messaging.system", "kafka"),
			attribute.String("messaging.operation.name", "process"),
			attribute.String("messaging.operation.type", "process"),
			attribute.String("messaging.consumer.group.name", group),
			attribute.String("messaging.destination.name", in.Topic),
			attribute.String("messaging.destination.partition.id", strconv.Itoa(int(in.Partition))),
			attribute.Int64("messaging.kafka.offset", in.Offset),
			attribute.String("messaging.message.id", in.ID.String()),
			attribute.String("messaging.message.conversation_id", in.Subject.String()),
			attribute.String("cloudevents.event_type", in.Type),
			attribute.String("cloudevents.event_source", in.Source),
		}
	}
	ctx, span := tracer.Start(remote(in.Traceparent, in.Tracestate), "process "+name,
		trace.WithSpanKind(kind), trace.WithAttributes(attributes...))
	carrier := propagation.MapCarrier{}
	propagator.Inject(ctx, carrier)
	in.Traceparent, in.Tracestate = carrier[headerTraceparent], carrier[headerTracestate]
	return func(err error) { endSpan(span, err) }
}

// startPublish starts the span of a record's way to the broker where its trace is sampled; else it returns nil. The
// record keeps its headers as they were decided: a message that is sent again is the same byte for byte.
func startPublish(tracer trace.Tracer, w *wire, partition int32) trace.Span {
	if !sampled(string(w.parent)) {
		return nil
	}
	_, span := tracer.Start(remote(string(w.parent), string(w.states)), "publish "+string(w.kind),
		trace.WithSpanKind(trace.SpanKindProducer),
		trace.WithAttributes(
			attribute.String("messaging.system", "kafka"),
			attribute.String("messaging.operation.name", "publish"),
			attribute.String("messaging.operation.type", "send"),
			attribute.String("messaging.destination.name", w.topic),
			attribute.String("messaging.destination.partition.id", strconv.Itoa(int(partition))),
			attribute.String("messaging.message.id", string(w.id)),
			attribute.String("messaging.message.conversation_id", string(w.subject)),
			attribute.String("cloudevents.event_type", string(w.kind)),
			attribute.String("cloudevents.event_source", string(w.source)),
		))
	return span
}

func remote(traceparent, tracestate string) context.Context {
	return propagator.Extract(context.Background(), propagation.MapCarrier{
		headerTraceparent: traceparent, headerTracestate: tracestate,
	})
}

func endNothing(error) {}

func endSpan(span trace.Span, err error) {
	if err != nil {
		span.RecordError(err)
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}
