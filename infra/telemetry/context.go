package telemetry

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// TraceContext returns the W3C traceparent and tracestate of ctx's span; where there is none, a new random traceparent
// that is not sampled. So every message has a trace id, at the cost of a few random numbers.
func TraceContext(ctx context.Context) (traceparent, tracestate string) {
	sc := trace.SpanContextFromContext(ctx)
	if !sc.IsValid() {
		sc = newSpanContext()
	}
	return format(sc), sc.TraceState().String()
}

// WithTraceContext returns ctx with the remote span context that a traceparent header names; ctx itself where the header
// is absent or malformed.
func WithTraceContext(ctx context.Context, traceparent, tracestate string) context.Context {
	return propagation.TraceContext{}.Extract(ctx, carrier{traceparent, tracestate})
}

// Ensure returns ctx with a span context in any case: its own, else a new random one that is not sampled.
func Ensure(ctx context.Context) context.Context {
	if trace.SpanContextFromContext(ctx).IsValid() {
		return ctx
	}
	return trace.ContextWithRemoteSpanContext(ctx, newSpanContext())
}

// TraceID returns the trace id in a traceparent, or "" where it has none.
func TraceID(traceparent string) string {
	if len(traceparent) < 55 || traceparent[2] != '-' || traceparent[35] != '-' {
		return ""
	}
	return traceparent[3:35]
}

// Sampled tells whether a traceparent has the sampled flag: whether a span for it is worth making.
func Sampled(traceparent string) bool {
	if len(traceparent) < 55 {
		return false
	}
	switch c := traceparent[54]; {
	case c >= '0' && c <= '9':
		return (c-'0')&1 == 1
	case c >= 'a' && c <= 'f':
		return (c-'a'+10)&1 == 1
	}
	return false
}

func newSpanContext() trace.SpanContext {
	var c trace.SpanContextConfig
	binary.LittleEndian.PutUint64(c.TraceID[:8], rand.Uint64())
	binary.LittleEndian.PutUint64(c.TraceID[8:], rand.Uint64()|1)
	binary.LittleEndian.PutUint64(c.SpanID[:], rand.Uint64()|1)
	return trace.NewSpanContext(c)
}

// format is the W3C Trace Context header, version 00.
func format(sc trace.SpanContext) string {
	var b [55]byte
	traceID, spanID := sc.TraceID(), sc.SpanID()
	copy(b[:], "00-")
	hex.Encode(b[3:], traceID[:])
	b[35] = '-'
	hex.Encode(b[36:], spanID[:])
	copy(b[52:], "-00")
	if sc.IsSampled() {
		b[54] = '1'
	}
	return string(b[:])
}

type carrier struct{ traceparent, tracestate string }

func (c carrier) Get(key string) string {
	switch key {
	case "traceparent":
		return c.traceparent
	case "tracestate":
		return c.tracestate
	}
	return ""
}
func (carrier) Set(string, string) {}
func (carrier) Keys() []string     { return []string{"traceparent", "tracestate"} }
