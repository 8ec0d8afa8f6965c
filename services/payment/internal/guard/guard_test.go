package guard_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.opentelemetry.io/otel/trace/noop"

	"ordersaga.internal/services/payment/internal/guard"
	"ordersaga.internal/services/payment/internal/payments"
)

// provider answers with err, or hangs.
type provider struct {
	calls int
	err   error
	hang  bool
}

func (p *provider) Do(ctx context.Context, _ payments.Call) (payments.Result, error) {
	p.calls++
	if p.hang {
		<-ctx.Done()
		return payments.Result{}, ctx.Err()
	}
	return payments.Result{Outcome: payments.Done}, p.err
}

func (p *provider) Close(ctx context.Context, c payments.Call) (payments.Result, error) {
	return p.Do(ctx, c)
}

func (p *provider) Get(ctx context.Context, c payments.Call) (payments.Result, error) {
	return p.Do(ctx, c)
}

func newGuard(t *testing.T, p *provider, c guard.Config) (*guard.Guard, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewRegistry()
	g, err := guard.New(p, noop.Tracer{}, registry, c)
	if err != nil {
		t.Fatal(err)
	}
	return g, registry
}

var call = payments.Call{Action: payments.ActionAuthorize}

// The breaker opens after failures, says that nobody was called, and closes when calls work again.
func TestBreaker(t *testing.T) {
	t.Parallel()
	p := &provider{err: errors.New("broken")}
	g, registry := newGuard(t, p, guard.Config{BreakerCalls: 4, BreakerPause: 20 * time.Millisecond})
	for range 4 {
		if _, err := g.Do(t.Context(), call); errors.Is(err, payments.ErrNotCalled) {
			t.Fatal("open too early")
		}
	}
	if _, err := g.Close(t.Context(), call); !errors.Is(err, payments.ErrNotCalled) || p.calls != 4 {
		t.Errorf("called %d times: %v", p.calls, err)
	}
	want := `
# HELP payment_provider_breaker_state 0 closed, 1 trying again, 2 open: the provider is not called.
# TYPE payment_provider_breaker_state gauge
payment_provider_breaker_state 2
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "payment_provider_breaker_state"); err != nil {
		t.Error(err)
	}
	p.err = nil
	for deadline := time.Now().Add(5 * time.Second); ; {
		if _, err := g.Do(t.Context(), call); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("stays open")
		}
	}
}

// Some calls never get an answer, whatever the provider's state. They do not keep the breaker open after an outage, nor do
// they open it.
func TestSomeCallsAlwaysFail(t *testing.T) {
	t.Parallel()
	p := &provider{err: errors.New("broken")}
	g, _ := newGuard(t, p, guard.Config{BreakerCalls: 4, BreakerPause: 10 * time.Millisecond})
	for range 4 {
		_, _ = g.Do(t.Context(), call)
	}
	every := 0
	next := func() error { // of three calls one fails
		every++
		p.err = nil
		if every%3 == 0 {
			p.err = errors.New("this card's bank hangs")
		}
		_, err := g.Do(t.Context(), call)
		return err
	}
	refused := 0
	for deadline := time.Now().Add(5 * time.Second); refused < 1 || every < 100; {
		if err := next(); errors.Is(err, payments.ErrNotCalled) {
			refused++
			every--
		}
		if time.Now().After(deadline) {
			t.Fatalf("stays open: %d calls went through", every)
		}
	}
	for range 100 {
		if err := next(); errors.Is(err, payments.ErrNotCalled) {
			t.Fatal("opened by a third of the calls")
		}
	}
}

// Callers that give up say nothing about the provider; a timeout does.
func TestWhatCounts(t *testing.T) {
	t.Parallel()
	p := &provider{hang: true}
	g, _ := newGuard(t, p, guard.Config{BreakerCalls: 3, BreakerPause: time.Hour, Timeout: 20 * time.Millisecond})
	for range 10 {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := g.Do(ctx, call); errors.Is(err, payments.ErrNotCalled) {
			t.Fatal("opened by callers that gave up")
		}
	}
	for range 3 {
		if _, err := g.Do(t.Context(), call); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("hung: %v", err)
		}
	}
	if _, err := g.Get(t.Context(), call); !errors.Is(err, payments.ErrNotCalled) {
		t.Errorf("not opened by timeouts: %v", err)
	}
}

func TestThrottle(t *testing.T) {
	t.Parallel()
	p := &provider{}
	g, _ := newGuard(t, p, guard.Config{Rate: 100})
	begun := time.Now()
	for range 45 { // a burst of 25, then 100 a second
		if _, err := g.Do(t.Context(), call); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(begun); took < 150*time.Millisecond {
		t.Errorf("45 calls took %s", took)
	}
	g, _ = newGuard(t, p, guard.Config{Rate: 0.001})
	if _, err := g.Do(t.Context(), call); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.Do(ctx, call); !errors.Is(err, payments.ErrNotCalled) {
		t.Errorf("gave up waiting: %v", err)
	}
}
