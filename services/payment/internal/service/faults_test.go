package service

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/payment/internal/payments"
	"ordersaga.internal/services/payment/internal/sandboxtest"
)

// The outcome of the capture is unknown when its undo comes: only what exists is given back, and the rest is let go
// (scenario 10).
func TestUndoOfUnknownCapture(t *testing.T) {
	t.Parallel()
	unread := sandboxtest.Switch{Operation: "get", Fault: "5xx"}
	back := map[string]int64{"authorize": total, "capture": total, "refund": total}
	letGo := map[string]int64{"authorize": total, "void": total}
	for name, c := range map[string]struct {
		fault, first, reading sandboxtest.Switch // of captures, of the first capture, and what keeps payment from knowing
		refund, void          int64
		did                   map[string]int64
	}{
		"it was done":   {fault: sandboxtest.Switch{Fault: "timeout_after"}, reading: unread, refund: total, did: back},
		"it was not":    {fault: sandboxtest.Switch{Fault: "timeout_before"}, reading: unread, void: total, did: letGo},
		"it fails":      {fault: sandboxtest.Switch{Fault: "5xx"}, reading: unread, void: total, did: letGo},
		"it comes late": {fault: sandboxtest.Switch{Fault: "late", DelayMS: 1500}, reading: unread, void: total, did: letGo},
		"refused, which is not believed": {
			fault: sandboxtest.Switch{Fault: "refuse_forget"}, first: sandboxtest.Switch{Operation: "capture", Fault: "timeout_before", Times: 1},
			reading: sandboxtest.Switch{Operation: "close", Fault: "5xx"}, void: total, did: letGo,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.run(w.client)
			o := newOrder("pm_ok")
			w.authorize(o, 1)
			w.expect(o, authorized(o))
			c.fault.Operation = "capture"
			w.provider.Set(t, c.fault)
			if c.first.Fault != "" {
				w.provider.Set(t, c.first)
			}
			w.provider.Set(t, c.reading)
			w.capture(o, 1)
			testkit.Eventually(t, func() bool { return w.attempts(o) > 0 }, "a capture without an answer")
			w.refund(o, 1)
			w.provider.Clear(t)
			w.expect(o, authorized(o), refunded(o, c.refund))
			w.void(o, 1)
			w.expect(o, authorized(o), refunded(o, c.refund), voided(o, c.void))
			w.outlast(1600)
			w.quiet(o, authorized(o), refunded(o, c.refund), voided(o, c.void))
			w.effects(o, c.did)
		})
	}
}

// An undo does not wait for its do's call, which may hang.
func TestUndoEndsItsDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "HOLD=10m")
	w.timeout, w.lease = 5*time.Minute, 30*time.Minute
	w.run(w.client)
	w.provider.Set(t, sandboxtest.Switch{Operation: "authorize", Fault: "timeout_before"})
	o := newOrder("pm_ok")
	w.authorize(o, 1)
	w.void(o, 1)
	w.expect(o, voided(o, 0))
}

// An undo is repeated with the same key until there is an answer, whatever became of the earlier calls; what it gave back is
// said once.
func TestUndoIsRepeated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(w.client)
	for _, fault := range []sandboxtest.Switch{
		{Fault: "timeout_before", Times: 2}, {Fault: "timeout_after", Times: 2}, {Fault: "5xx", Times: 2}, {Fault: "late", DelayMS: 500, Times: 2},
	} {
		taken, held := newOrder("pm_ok"), newOrder("pm_ok")
		for _, o := range []*order{taken, held} {
			w.authorize(o, 1)
			w.expect(o, authorized(o))
		}
		w.capture(taken, 1)
		w.expect(taken, authorized(taken), captured(taken))
		for _, operation := range []string{"refund", "void"} {
			fault.Operation = operation
			w.provider.Set(t, fault)
		}
		w.refund(taken, 1)
		w.expect(taken, authorized(taken), captured(taken), refunded(taken, total))
		w.void(held, 1)
		w.expect(held, authorized(held), voided(held, total))
		w.outlast(600)
		w.effects(taken, map[string]int64{"authorize": total, "capture": total, "refund": total})
		w.effects(held, map[string]int64{"authorize": total, "void": total})
	}
}

// turnstile counts the calls that are being made for each order.
type turnstile struct {
	payments.Provider

	mu   sync.Mutex
	in   map[uuid.UUID]int
	most int
}

func (s *turnstile) pass(ctx context.Context, c payments.Call, f func(context.Context, payments.Call) (payments.Result, error)) (payments.Result, error) {
	s.mu.Lock()
	s.in[c.Order]++
	s.most = max(s.most, s.in[c.Order])
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.in[c.Order]--
		s.mu.Unlock()
	}()
	return f(ctx, c)
}

func (s *turnstile) Do(ctx context.Context, c payments.Call) (payments.Result, error) {
	return s.pass(ctx, c, s.Provider.Do)
}

func (s *turnstile) Get(ctx context.Context, c payments.Call) (payments.Result, error) {
	return s.pass(ctx, c, s.Provider.Get)
}

func (s *turnstile) Close(ctx context.Context, c payments.Call) (payments.Result, error) {
	return s.pass(ctx, c, s.Provider.Close)
}

// However often commands are repeated, failed and undone in flight, at most one call for an order is being made.
func TestOneCallForAnOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one := &turnstile{Provider: w.client, in: map[uuid.UUID]int{}}
	w.run(one)
	w.provider.Set(t, sandboxtest.Switch{Operation: "*", Fault: "slow", DelayMS: 30})
	orders := make([]*order, 40)
	for i := range orders {
		orders[i] = newOrder([]string{"pm_ok", "pm_flap", "pm_timeout_after", "pm_5xx"}[i%4])
		for attempt := range 3 {
			w.authorize(orders[i], attempt+1)
		}
		w.void(orders[i], 1)
		w.void(orders[i], 2)
	}
	for _, o := range orders {
		testkit.Eventually(t, func() bool { return len(w.of(o.id)) > 0 }, "the void's answer")
	}
	one.mu.Lock()
	defer one.mu.Unlock()
	if one.most != 1 {
		t.Errorf("%d calls at once for one order", one.most)
	}
}

// Names and help as Prometheus wants them.
func TestMetricNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(w.client)
	o := newOrder("pm_ok")
	w.authorize(o, 1)
	w.expect(o, authorized(o))
	problems, err := testutil.GatherAndLint(w.metrics)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}
