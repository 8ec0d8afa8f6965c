package sandbox_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"ordersaga.internal/contracts"
	"ordersaga.internal/services/payment/internal/payments"
	"ordersaga.internal/services/payment/internal/providertest"
	"ordersaga.internal/services/payment/internal/sandbox"
	"ordersaga.internal/services/payment/internal/sandboxtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func connect(t *testing.T) (*sandbox.Client, *sandboxtest.Provider) {
	t.Helper()
	p := sandboxtest.Start(t)
	client, err := sandbox.New(sandbox.Config{URL: p.URL, Key: sandboxtest.Key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdle)
	return client, p
}

func TestContract(t *testing.T) {
	t.Parallel()
	client, p := connect(t)
	providertest.Run(t, providertest.Subject{
		Provider: client, OK: "pm_ok", Declined: "pm_declined", Expired: "pm_capture_refused",
		Forget: func(t *testing.T) { t.Helper(); p.ForgetKeys(t) },
		Effects: func(t *testing.T, order uuid.UUID, a payments.Action) int {
			t.Helper()
			n := 0
			for _, e := range p.Ledger(t, order.String()) {
				if e.Operation == string(a) && e.Outcome == "succeeded" {
					n++
				}
			}
			return n
		},
	})
}

// Whatever is no proper answer leaves the outcome unknown.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	client, p := connect(t)
	call := payments.Call{
		Action: payments.ActionAuthorize, Key: "k", Order: uuid.New(), PaymentMethod: "pm_ok",
		Amount: contracts.Money{AmountMinor: 5, Currency: "EUR"},
	}
	p.Set(t, sandboxtest.Switch{Operation: "*", Fault: "5xx", Times: 3})
	for name, ask := range map[string]func(context.Context, payments.Call) (payments.Result, error){
		"do": client.Do, "close": client.Close, "get": client.Get,
	} {
		if r, err := ask(t.Context(), call); err == nil {
			t.Errorf("%s under 5xx: %+v", name, r)
		}
	}
	p.Set(t, sandboxtest.Switch{Operation: "authorize", Fault: "timeout_after", Times: 1})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if r, err := client.Do(ctx, call); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a lost answer: %+v %v", r, err)
	}
	if r, err := client.Get(t.Context(), call); err != nil || r.Outcome != payments.Done {
		t.Errorf("read after it: %+v %v", r, err)
	}
	call.PaymentMethod = "pm_declined"
	if r, err := client.Do(t.Context(), call); err == nil {
		t.Errorf("the key of another request: %+v", r)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, c := range []sandbox.Config{{}, {URL: "x", Key: "k"}, {URL: "ftp://x", Key: "k"}, {URL: "http://x"}} {
		if _, err := sandbox.New(c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}
