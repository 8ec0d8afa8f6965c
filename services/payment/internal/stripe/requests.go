package stripe

import (
	"context"
	"fmt"
	"strings"

	api "github.com/stripe/stripe-go/v85"

	"ordersaga.internal/services/payment/internal/payments"
)

// What intents and refunds are marked with.
const (
	metadataOrder = "order_id"
	metadataKey   = "command_id"
)

// id returns the intent of the call, "" where none was committed.
func id(call payments.Call) string {
	if call.Action == payments.ActionAuthorize {
		return call.Reference
	}
	return call.Target
}

// keyOf returns the idempotency key of the request that moves the intent. The call's own key was used to create it.
func keyOf(call payments.Call) string {
	if call.Action == payments.ActionAuthorize {
		return call.Key + "-confirm"
	}
	return call.Key
}

// create makes the intent ready. A payment method "cus_…/pm_…" is a customer's saved one.
func (c *Client) create(ctx context.Context, call payments.Call) (payments.Result, error) {
	params := api.PaymentIntentCreateParams{
		Amount: api.Int64(call.Amount.AmountMinor), Currency: api.String(strings.ToLower(call.Amount.Currency)),
		PaymentMethod: api.String(call.PaymentMethod), PaymentMethodTypes: []*string{api.String("card")},
		CaptureMethod:      api.String(string(api.PaymentIntentCaptureMethodManual)),
		ConfirmationMethod: api.String(string(api.PaymentIntentConfirmationMethodManual)), // by us alone
		Metadata:           metadata(call),
	}
	if customer, method, saved := strings.Cut(call.PaymentMethod, "/"); saved {
		params.Customer, params.PaymentMethod = api.String(customer), api.String(method)
	}
	intent, err := once(call.Key, func(key *string) (*api.PaymentIntent, error) {
		params.IdempotencyKey = key
		return c.api.V1PaymentIntents.Create(ctx, &params)
	})
	switch {
	case err == nil:
		return payments.Result{Outcome: payments.Ready, Reference: intent.ID}, nil
	case isRefusal(err):
		return refused(call, code(err)), nil
	}
	return payments.Result{}, explain("create", err)
}

func metadata(call payments.Call) map[string]string {
	return map[string]string{metadataOrder: call.Order.String(), metadataKey: call.Key}
}

// move asks for the step of the intent that the call is.
func (c *Client) move(ctx context.Context, call payments.Call, key *string) (*api.PaymentIntent, error) {
	intents := c.api.V1PaymentIntents
	switch call.Action {
	case payments.ActionAuthorize:
		// Without a payment method: one that was declined has been taken off the intent, so that a repeat cannot charge it.
		return intents.Confirm(ctx, call.Reference, &api.PaymentIntentConfirmParams{
			Params: api.Params{IdempotencyKey: key}, Expand: charge, OffSession: api.Bool(true), ErrorOnRequiresAction: api.Bool(true),
		})
	case payments.ActionCapture:
		return intents.Capture(ctx, call.Target, &api.PaymentIntentCaptureParams{
			Params: api.Params{IdempotencyKey: key}, Expand: charge, AmountToCapture: api.Int64(call.Amount.AmountMinor),
		})
	case payments.ActionVoid:
		return c.cancel(ctx, call.Target, key)
	case payments.ActionRefund:
	}
	return nil, fmt.Errorf("%s moves no intent", call.Action)
}

func (c *Client) cancel(ctx context.Context, intent string, key *string) (*api.PaymentIntent, error) {
	return c.api.V1PaymentIntents.Cancel(ctx, intent, &api.PaymentIntentCancelParams{
		Params: api.Params{IdempotencyKey: key}, Expand: charge,
		CancellationReason: api.String(string(api.PaymentIntentCancellationReasonAbandoned)),
	})
}

func (c *Client) read(ctx context.Context, call payments.Call) (*api.PaymentIntent, error) {
	intent, err := c.api.V1PaymentIntents.Retrieve(ctx, id(call), &api.PaymentIntentRetrieveParams{Expand: charge})
	if err != nil {
		return nil, explain("read for "+string(call.Action), err)
	}
	return intent, nil
}

// charge asks for the charge with the intent: of a cancelled one only that says whether money was held.
var charge = []*string{api.String("latest_charge")}
