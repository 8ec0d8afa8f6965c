package service

import (
	"testing"
	"time"

	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/payment/internal/sandboxtest"
)

// While the breaker is open the provider is left alone but for a few calls on trial, no order asks again at once, none is
// set aside, and after the outage each is answered, once.
func TestAnOpenBreakerLosesAndHurriesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.provider.Set(t, sandboxtest.Switch{Operation: "*", Fault: "5xx"})
	w.run(w.client)
	orders := make([]*order, 60)
	for i := range orders {
		orders[i] = newOrder("pm_ok")
		w.authorize(orders[i], 1)
	}
	calls := func(outcome string) (n float64) {
		for _, operation := range []string{"authorize", "get"} {
			n += w.measured(`payment_provider_calls_total{operation="` + operation + `",outcome="` + outcome + `"}`)
		}
		return n
	}
	testkit.Eventually(t, func() bool { return w.measured("payment_provider_breaker_state") == 2 }, "the breaker opens")
	begun, called, refused := time.Now(), calls("unanswered"), calls("not_called")
	testkit.Eventually(t, func() bool { return calls("not_called") >= refused+2*float64(len(orders)) }, "each order asked twice, and nobody was called")
	called, refused = calls("unanswered")-called, calls("not_called")-refused
	lasted := time.Since(begun)
	if most := 10 * (lasted.Seconds()/0.1 + 2); called > most { // ten on trial after each pause, and those on their way
		t.Errorf("%.0f calls in %v, want at most %.0f", called, lasted, most)
	}
	if most := 2 * float64(len(orders)) * (lasted.Seconds() + 1); refused > most { // a second's rest, of a call and its reading
		t.Errorf("%.0f times somebody wanted to call in %v, want at most %.0f", refused, lasted, most)
	}
	w.provider.Clear(t)
	for _, o := range orders {
		w.expect(o, authorized(o))
		w.effects(o, map[string]int64{"authorize": total})
	}
	if n := w.measured(`messaging_dead_letters{group="payment"}`); n != 0 {
		t.Errorf("%.0f messages were set aside", n)
	}
}
