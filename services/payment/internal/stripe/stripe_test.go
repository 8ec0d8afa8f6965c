package stripe_test

import (
	"testing"

	"github.com/google/uuid"

	"ordersaga.internal/services/payment/internal/payments"
	"ordersaga.internal/services/payment/internal/providertest"
	"ordersaga.internal/services/payment/internal/stripe"
	"ordersaga.internal/services/payment/internal/stripetest"
)

func connect(t *testing.T, url string) *stripe.Client {
	t.Helper()
	client, err := stripe.New(stripe.Config{Key: stripetest.Key, URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdle)
	return client
}

// The contract of every adapter, on an imitation of Stripe's states behind stripe-mock.
func TestContract(t *testing.T) {
	t.Parallel()
	other := stripetest.New(t)
	providertest.Run(t, providertest.Subject{
		Provider: connect(t, other.URL), OK: stripetest.MethodOK, Declined: stripetest.MethodDeclined, Expired: stripetest.MethodExpires,
		Readies: true, Forget: func(*testing.T) { other.ForgetKeys() },
		Effects: func(_ *testing.T, order uuid.UUID, a payments.Action) int {
			authorized, captured, voided, refunded := other.Effects(order.String())
			return map[payments.Action]int{
				payments.ActionAuthorize: authorized, payments.ActionCapture: captured,
				payments.ActionVoid: voided, payments.ActionRefund: refunded,
			}[a]
		},
	})
}
