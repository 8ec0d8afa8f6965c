package stripe

import (
	"context"
	"errors"
	"fmt"

	api "github.com/stripe/stripe-go/v85"

	"ordersaga.internal/services/payment/internal/payments"
)

// refund gives back what was captured and not given back yet.
func (c *Client) refund(ctx context.Context, call payments.Call) (payments.Result, error) {
	refund, err := once(call.Key, func(key *string) (*api.Refund, error) {
		return c.api.V1Refunds.Create(ctx, &api.RefundCreateParams{
			Params: api.Params{IdempotencyKey: key}, PaymentIntent: api.String(call.Target), Metadata: metadata(call),
		})
	})
	switch {
	case err == nil:
		return refunded(call, refund)
	case !isRefusal(err):
		return payments.Result{}, explain("refund", err)
	}
	found, readErr := c.findRefund(ctx, call) // perhaps by us, and the key was forgotten
	if readErr != nil || found.Outcome != payments.Nothing {
		return found, readErr
	}
	return refused(call, code(err)), nil
}

// refunded says what became of a refund. One that is on its way has no outcome yet.
func refunded(call payments.Call, r *api.Refund) (payments.Result, error) {
	switch r.Status {
	case api.RefundStatusSucceeded:
		return payments.Result{Outcome: payments.Done, AmountMinor: r.Amount, Reference: r.ID}, nil
	case api.RefundStatusFailed, api.RefundStatusCanceled:
		return refused(call, "refund_"+string(r.Status)), nil
	}
	return payments.Result{}, fmt.Errorf("%w: it is %s", errOnItsWay, r.Status)
}

var errOnItsWay = errors.New("the refund is on its way")

// findRefund reads the refund that was made under the call's key, or finds that nothing is left to give back.
func (c *Client) findRefund(ctx context.Context, call payments.Call) (payments.Result, error) {
	params := &api.RefundListParams{PaymentIntent: api.String(call.Target)}
	params.Limit = api.Int64(100)
	for refund, err := range c.api.V1Refunds.List(ctx, params).All(ctx) {
		if err != nil {
			return payments.Result{}, explain("find refund", err)
		}
		if refund.Metadata[metadataKey] == call.Key {
			r, err := refunded(call, refund)
			if errors.Is(err, errOnItsWay) {
				return payments.Result{Outcome: payments.Nothing}, nil
			}
			return r, err
		}
	}
	intent, err := c.read(ctx, call)
	if err != nil {
		return payments.Result{}, err
	}
	if intent.LatestCharge != nil && intent.LatestCharge.Refunded {
		return payments.Result{Outcome: payments.Done, Reference: call.Target}, nil
	}
	return payments.Result{Outcome: payments.Nothing}, nil
}
