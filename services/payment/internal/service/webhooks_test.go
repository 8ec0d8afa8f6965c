package service

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/payment/internal/payments"
	"ordersaga.internal/services/payment/internal/sandbox"
	"ordersaga.internal/services/payment/internal/sandboxtest"
	"ordersaga.internal/services/payment/internal/webhook"
)

const hookSecret = "the-secret-of-webhooks"

// hook is where the provider's webhooks arrive: on one of the replicas in turn, while there are any.
type hook struct {
	URL string

	mu       sync.Mutex
	handlers []http.Handler
	turn     int
	last     *http.Request // with its body in body
	body     []byte
}

// newHookedWorld makes a world in which the provider sends webhooks.
func newHookedWorld(t *testing.T) (*world, *hook) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &hook{URL: "http://" + l.Addr().String() + webhook.Path}
	server := &http.Server{Handler: h}
	go func() { _ = server.Serve(l) }() // until it is closed
	t.Cleanup(func() { _ = server.Close() })
	return newWorld(t, "WEBHOOK_URL="+h.URL, "WEBHOOK_SECRET="+hookSecret, "WEBHOOK_EVERY=10ms"), h
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	h.mu.Lock()
	h.last, h.body = r, body
	if len(h.handlers) == 0 {
		h.mu.Unlock()
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	handler := h.handlers[h.turn%len(h.handlers)]
	h.turn++
	h.mu.Unlock()
	handler.ServeHTTP(w, r)
}

// to makes webhooks arrive at the replica, too.
func (h *hook) to(w *world, s *Service) {
	w.Helper()
	handler, err := webhook.New(webhook.Config{
		Format: sandbox.Webhooks(), Secrets: []string{hookSecret}, Take: s.Hint,
		Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		w.Fatal(err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.handlers = append(h.handlers, handler)
}

// told waits until the provider has nothing more to tell.
func (w *world) told() {
	w.Helper()
	testkit.Eventually(w, func() bool {
		return strings.Contains(w.provider.Metrics(w), "\nprovider_webhook_backlog_bytes 0\n")
	}, "all webhooks taken")
}

// The answer is lost, and nobody would ask again for a long time: the webhook settles it. Where the answer comes after all,
// that changes nothing.
func TestWebhook(t *testing.T) {
	t.Parallel()
	w, h := newHookedWorld(t)
	w.timeout, w.lease = time.Minute, 5*time.Minute
	s, _ := w.run(w.client)
	h.to(w, s)
	o := newOrder("pm_ok")
	w.provider.Set(t, sandboxtest.Switch{Operation: "authorize", Fault: "timeout_after", Times: 1})
	w.authorize(o, 1)
	w.expect(o, authorized(o))

	o = newOrder("pm_ok")
	for _, step := range []struct {
		operation string
		send      func(*order, int)
		answers   []any
	}{
		{"authorize", w.authorize, []any{authorized(o)}},
		{"capture", w.capture, []any{authorized(o), captured(o)}},
		{"refund", w.refund, []any{authorized(o), captured(o), refunded(o, total)}},
	} {
		w.provider.Set(t, sandboxtest.Switch{Operation: step.operation, Fault: "slow_after", DelayMS: 1500, Times: 1})
		step.send(o, 1)
		w.expect(o, step.answers...)
		w.outlast(1700)
		w.quiet(o, step.answers...)
	}
	w.effects(o, map[string]int64{"authorize": total, "capture": total, "refund": total})
}

// Two replicas, webhooks and answers at about the same time, at one replica or the other: one transition each.
func TestWebhooksAndAnswersAtOnce(t *testing.T) {
	t.Parallel()
	w, h := newHookedWorld(t)
	w.timeout = time.Minute
	for _, name := range []string{"1", "2"} {
		s, _ := w.crashable(name, w.client)
		h.to(w, s)
	}
	w.provider.Set(t, sandboxtest.Switch{Operation: "*", Fault: "slow_after", DelayMS: 120})
	orders := make([]*order, 100)
	for i := range orders {
		orders[i] = newOrder("pm_ok")
		w.authorize(orders[i], 1)
	}
	for _, o := range orders {
		w.expect(o, authorized(o))
		w.capture(o, 1)
	}
	for _, o := range orders {
		w.expect(o, authorized(o), captured(o))
	}
	w.outlast(300)
	w.told()
	w.quiet(orders[0], authorized(orders[0]), captured(orders[0]))
	w.quiet(orders[1], authorized(orders[1]), captured(orders[1]))
	for _, o := range orders {
		w.expect(o, authorized(o), captured(o))
		w.effects(o, map[string]int64{"authorize": total, "capture": total})
	}
}

// The provider does it late although it was closed, because it forgot that: payment undoes it, and the saga has one answer.
func TestLateSuccess(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		refuse bool
		answer func(*order) any
	}{
		"after a void":    {false, func(o *order) any { return voided(o, 0) }},
		"after a refusal": {true, declined},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, h := newHookedWorld(t)
			s, _ := w.run(w.client)
			h.to(w, s)
			o := newOrder("pm_ok")
			if c.refuse {
				w.declinedAfterLate(3000)
				w.authorize(o, 1)
			} else {
				w.provider.Set(t, sandboxtest.Switch{Operation: "authorize", Fault: "late", DelayMS: 3000, Times: 1})
				w.authorize(o, 1)
				testkit.Eventually(t, func() bool { return len(w.provider.Faults(t)) == 0 }, "the call")
				w.void(o, 1)
			}
			w.expect(o, c.answer(o))
			w.provider.ForgetKeys(t)
			testkit.Eventually(t, func() bool {
				voids := 0
				for _, e := range w.provider.Ledger(t, o.id.String()) {
					if e.Operation == "void" && e.Outcome == "succeeded" {
						voids++
					}
				}
				return voids == 1
			}, "the late success undone")
			w.told()
			w.quiet(o, c.answer(o))
			w.effects(o, map[string]int64{"authorize": total, "void": total})
			if !c.refuse {
				w.void(o, 2) // sent again: the same answer
				w.expect(o, c.answer(o), c.answer(o))
				if all := w.of(o.id); all[0] != all[1] {
					t.Errorf("answered %+v, then %+v", all[0], all[1])
				}
			}
		})
	}
}

// What nobody took comes again, until somebody does.
func TestWebhookComesAgain(t *testing.T) {
	t.Parallel()
	w, h := newHookedWorld(t)
	w.timeout, w.lease = time.Minute, 5*time.Minute
	s, _ := w.run(w.client)
	w.provider.Set(t, sandboxtest.Switch{Operation: "authorize", Fault: "timeout_after", Times: 1})
	o := newOrder("pm_ok")
	w.authorize(o, 1)
	testkit.Eventually(t, func() bool {
		return strings.Contains(w.provider.Metrics(t), `provider_webhooks_total{outcome="refused"} 3`)
	}, "webhooks that nobody took")
	w.provider.Kill()
	w.provider.Restart(t)
	h.to(w, s)
	w.expect(o, authorized(o))
	w.told()
}

// A webhook that is repeated changes nothing; one that is changed is not taken; what is not ours is none of our business.
func TestWebhookRepeated(t *testing.T) {
	t.Parallel()
	w, h := newHookedWorld(t)
	s, _ := w.run(w.client)
	h.to(w, s)
	stranger := payments.Call{Action: payments.ActionAuthorize, Key: uuid.NewString(), Order: uuid.New(), Amount: price, PaymentMethod: "pm_ok"}
	if _, err := w.client.Do(t.Context(), stranger); err != nil {
		t.Fatal(err)
	}
	w.told()
	o := newOrder("pm_ok")
	w.authorize(o, 1)
	w.expect(o, authorized(o))
	w.told()
	h.mu.Lock()
	last, body := h.last, h.body
	h.mu.Unlock()
	if !bytes.Contains(body, []byte(o.id.String())) {
		t.Fatalf("the last webhook is %s", body)
	}
	again := func(body []byte) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.URL, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header, r.Close = last.Header.Clone(), true
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	for range 3 {
		if status := again(body); status != http.StatusNoContent {
			t.Errorf("repeated: %d", status)
		}
	}
	if status := again(bytes.Replace(body, []byte("1999"), []byte("9999"), 1)); status != http.StatusUnauthorized {
		t.Errorf("changed: %d", status)
	}
	w.quiet(o, authorized(o))
}
