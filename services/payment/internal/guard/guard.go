// Package guard stands between the callers and the provider: a throttle, a circuit breaker, a timeout for each call, and
// what measures and traces the call.
package guard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"

	"ordersaga.internal/services/payment/internal/payments"
)

// Config of a Guard. The zero value of a field means its default.
type Config struct {
	Timeout time.Duration // of one call. Default 3 s.
	Rate    float64       // most calls a second, with a burst of a quarter second's. Default 10,000.

	// The breaker opens when, of at least BreakerCalls calls in 10 s, more than half got no answer; it lets a few calls
	// try again after BreakerPause, and closes when half of them were answered.
	BreakerCalls int           // Default 20.
	BreakerPause time.Duration // Default 1 s.
}

// Guard implements payments.Provider around another one.
type Guard struct {
	inner   payments.Provider
	timeout time.Duration
	limit   *rate.Limiter
	breaker breaker
	tracer  trace.Tracer
	metrics *metrics
}

var _ payments.Provider = (*Guard)(nil)

// New returns a guard around the provider.
func New(inner payments.Provider, tracer trace.Tracer, registry prometheus.Registerer, c Config) (*Guard, error) {
	if c.Timeout <= 0 {
		c.Timeout = 3 * time.Second
	}
	if c.Rate <= 0 {
		c.Rate = 10_000
	}
	if c.BreakerCalls <= 0 {
		c.BreakerCalls = 20
	}
	if c.BreakerPause <= 0 {
		c.BreakerPause = time.Second
	}
	g := &Guard{
		inner: inner, timeout: c.Timeout, tracer: tracer, limit: rate.NewLimiter(rate.Limit(c.Rate), max(1, int(c.Rate/4))),
		breaker: breaker{calls: c.BreakerCalls, pause: c.BreakerPause},
	}
	var err error
	g.metrics, err = newMetrics(registry, func() float64 { return float64(g.breaker.now()) })
	return g, err
}

// Do implements payments.Provider.
func (g *Guard) Do(ctx context.Context, c payments.Call) (payments.Result, error) {
	return g.call(ctx, string(c.Action), c, g.inner.Do)
}

// Close implements payments.Provider.
func (g *Guard) Close(ctx context.Context, c payments.Call) (payments.Result, error) {
	return g.call(ctx, "close", c, g.inner.Close)
}

// Get implements payments.Provider.
func (g *Guard) Get(ctx context.Context, c payments.Call) (payments.Result, error) {
	return g.call(ctx, "get", c, g.inner.Get)
}

type function = func(context.Context, payments.Call) (payments.Result, error)

func (g *Guard) call(ctx context.Context, name string, c payments.Call, f function) (payments.Result, error) {
	if err := g.throttle(ctx); err != nil {
		return payments.Result{}, err
	}
	turn, err := g.breaker.enter(time.Now())
	if err != nil {
		g.metrics.calls.WithLabelValues(name, "not_called").Inc()
		return payments.Result{}, fmt.Errorf("%w: %w", payments.ErrNotCalled, err)
	}
	said := nothing // should the call panic
	defer func() { g.breaker.leave(turn, said, time.Now()) }()
	r, err := g.measured(ctx, name, c, f)
	switch {
	case err == nil:
		said = answered
	case !errors.Is(err, context.Canceled): // a call that its caller gave up says nothing about the provider
		said = unanswered
	}
	return r, err
}

// throttle waits for a turn.
func (g *Guard) throttle(ctx context.Context) error {
	if g.limit.Allow() {
		return nil
	}
	begun := time.Now()
	err := g.limit.Wait(ctx)
	g.metrics.throttled.Add(time.Since(begun).Seconds())
	if err != nil {
		return fmt.Errorf("%w: %w", payments.ErrNotCalled, err)
	}
	return nil
}

func (g *Guard) measured(ctx context.Context, name string, c payments.Call, f function) (r payments.Result, err error) {
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	if trace.SpanContextFromContext(ctx).IsSampled() {
		var span trace.Span
		ctx, span = g.span(ctx, name, c)
		defer func() { endSpan(span, r, err) }()
	}
	begun := time.Now()
	r, err = f(ctx, c)
	g.metrics.seconds.WithLabelValues(name).Observe(time.Since(begun).Seconds())
	outcome := string(r.Outcome)
	if err != nil {
		outcome = "unanswered"
	}
	g.metrics.calls.WithLabelValues(name, outcome).Inc()
	return r, err
}

func (g *Guard) span(ctx context.Context, name string, c payments.Call) (context.Context, trace.Span) {
	return g.tracer.Start(ctx, "provider "+name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("payment.operation", string(c.Action)),
		attribute.String("payment.idempotency_key", c.Key),
		attribute.String("order_id", c.Order.String()),
	))
}

func endSpan(span trace.Span, r payments.Result, err error) {
	span.SetAttributes(attribute.String("payment.outcome", string(r.Outcome)))
	if err != nil {
		span.RecordError(err)
		span.SetStatus(codes.Error, "no answer")
	}
	span.End()
}
