// Package stripe is the adapter to Stripe: PaymentIntents with manual capture. It was written from Stripe's documentation and
// is tested against stripe-mock and an imitation of Stripe's states (package stripetest); it has never met the real service.
//
// An order is one PaymentIntent, which is created unconfirmed (Ready), then confirmed, captured or cancelled. The intent is
// the memory: it is authorised, captured and cancelled at most once, and can be read for ever, while Stripe forgets
// idempotency keys after a day. So where an answer is missing, or says that the intent is in another state, the intent's
// state decides. Refunds carry the call's key in their metadata, and all of them together never exceed what was captured.
package stripe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	api "github.com/stripe/stripe-go/v85"

	"ordersaga.internal/contracts"
	"ordersaga.internal/services/payment/internal/payments"
)

// Config of a Client.
type Config struct {
	Key         string // secret API key. Required.
	URL         string // default: Stripe's own.
	Connections int    // kept open. Default 64.
}

// Client implements payments.Provider. It sets no timeout: the context does; and it does not repeat calls: the caller does.
type Client struct {
	api  *api.Client
	http *http.Client
}

var _ payments.Provider = (*Client)(nil)

// New returns a client. It connects to nothing yet.
func New(c Config) (*Client, error) {
	if c.Key == "" {
		return nil, errors.New("Stripe's API key is needed")
	}
	if c.Connections <= 0 {
		c.Connections = 64
	}
	config := api.BackendConfig{
		MaxNetworkRetries: api.Int64(0),
		EnableTelemetry:   api.Bool(false),
		LeveledLogger:     &api.LeveledLogger{Level: api.LevelNull}, // it would log errors with what they say about a card
		HTTPClient: &http.Client{Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 2 * time.Second, KeepAlive: 15 * time.Second}).DialContext,
			ForceAttemptHTTP2:   true,
			MaxIdleConns:        c.Connections,
			MaxIdleConnsPerHost: c.Connections,
			IdleConnTimeout:     90 * time.Second,
		}},
	}
	if c.URL != "" {
		u, err := url.Parse(c.URL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("Stripe's URL %q: an http or https URL is needed", c.URL)
		}
		config.URL = api.String(strings.TrimSuffix(c.URL, "/"))
	}
	return &Client{
		api:  api.NewClient(c.Key, api.WithBackends(api.NewBackendsWithConfig(&config))),
		http: config.HTTPClient,
	}, nil
}

// CloseIdle closes connections that no call uses.
func (c *Client) CloseIdle() { c.http.CloseIdleConnections() }

// Do implements payments.Provider.
func (c *Client) Do(ctx context.Context, call payments.Call) (payments.Result, error) {
	switch {
	case call.Action == payments.ActionRefund:
		return c.refund(ctx, call)
	case call.Action == payments.ActionAuthorize && call.Reference == "":
		return c.create(ctx, call)
	}
	intent, err := once(keyOf(call), func(key *string) (*api.PaymentIntent, error) { return c.move(ctx, call, key) })
	return c.settle(ctx, call, intent, err)
}

// Close implements payments.Provider. An authorization or capture is closed by cancelling the intent: nothing can come of it
// any more, and what was held is let go. Without a reference nothing can have been done. A void needs no closing: nobody
// wants the opposite. A refund cannot be closed; what it gave back is read, and a late one is bounded by what was captured.
func (c *Client) Close(ctx context.Context, call payments.Call) (payments.Result, error) {
	if call.Action != payments.ActionAuthorize && call.Action != payments.ActionCapture {
		return c.Get(ctx, call)
	}
	if id(call) == "" {
		return payments.Result{Outcome: payments.Nothing}, ctx.Err()
	}
	intent, err := c.read(ctx, call)
	if err != nil {
		return payments.Result{}, err
	}
	if r, known := outcome(call, intent, payments.Nothing); known {
		return r, nil
	}
	intent, err = once(call.Key+"-close", func(key *string) (*api.PaymentIntent, error) { return c.cancel(ctx, id(call), key) })
	if err != nil && isRefusal(err) { // it has just changed
		intent, err = c.read(ctx, call)
	}
	if err != nil {
		return payments.Result{}, explain("close "+string(call.Action), err)
	}
	if r, known := outcome(call, intent, payments.Nothing); known {
		if call.Action == payments.ActionCapture && r.Outcome == payments.Refused {
			r = payments.Result{Outcome: payments.Nothing} // refused by closing it
		}
		return r, nil
	}
	return payments.Result{}, fmt.Errorf("close %s: the intent is %s", call.Action, intent.Status)
}

// Get implements payments.Provider.
func (c *Client) Get(ctx context.Context, call payments.Call) (payments.Result, error) {
	if call.Action == payments.ActionRefund {
		return c.findRefund(ctx, call)
	}
	if id(call) == "" {
		return payments.Result{Outcome: payments.Nothing}, ctx.Err()
	}
	intent, err := c.read(ctx, call)
	if err != nil {
		return payments.Result{}, err
	}
	if r, known := outcome(call, intent, payments.Nothing); known {
		return r, nil
	}
	return payments.Result{Outcome: payments.Nothing}, nil
}

// settle returns what came of a call that moves the intent. A refusal may only say that the intent is somewhere else already:
// then it is read.
func (c *Client) settle(ctx context.Context, call payments.Call, intent *api.PaymentIntent, err error) (payments.Result, error) {
	refusal := err
	if err != nil {
		if !isRefusal(err) {
			return payments.Result{}, explain(string(call.Action), err)
		}
		if intent, err = c.read(ctx, call); err != nil {
			return payments.Result{}, err
		}
	}
	if r, known := outcome(call, intent, payments.Refused); known {
		return r, nil
	}
	if refusal != nil && !isState(refusal) {
		return refused(call, code(refusal)), nil
	}
	return payments.Result{}, fmt.Errorf("%s: the intent is %s", call.Action, intent.Status)
}

// outcome returns what the intent's state says about the call, where it says something final. closed is the outcome of an
// authorization that was closed before it was done.
func outcome(call payments.Call, intent *api.PaymentIntent, closed payments.Outcome) (r payments.Result, known bool) {
	done := payments.Result{Outcome: payments.Done, Reference: intent.ID}
	switch call.Action {
	case payments.ActionAuthorize:
		switch {
		case authorised(intent):
			done.AmountMinor = intent.Amount
			return done, true
		case intent.LastPaymentError != nil:
			return refused(call, code(intent.LastPaymentError)), true
		case intent.Status == api.PaymentIntentStatusCanceled && closed == payments.Refused:
			return payments.Result{Outcome: payments.Refused, Reason: contracts.ReasonSuperseded, Code: "canceled"}, true
		case intent.Status == api.PaymentIntentStatusCanceled:
			return payments.Result{Outcome: closed}, true
		}
	case payments.ActionCapture:
		switch intent.Status {
		case api.PaymentIntentStatusSucceeded:
			done.AmountMinor = intent.AmountReceived
			return done, true
		case api.PaymentIntentStatusCanceled:
			return refused(call, "canceled"), true
		}
	case payments.ActionVoid:
		switch intent.Status {
		case api.PaymentIntentStatusSucceeded: // all was taken, or let go when a part was
			return done, true
		case api.PaymentIntentStatusCanceled:
			if authorised(intent) && !expired(intent) {
				done.AmountMinor = intent.Amount
			}
			return done, true
		}
	case payments.ActionRefund: // has a state of its own
	}
	return payments.Result{}, false
}

// authorised tells whether the money was held, now or before.
func authorised(i *api.PaymentIntent) bool {
	switch i.Status {
	case api.PaymentIntentStatusRequiresCapture, api.PaymentIntentStatusSucceeded:
		return true
	case api.PaymentIntentStatusCanceled:
		return i.LatestCharge != nil && i.LatestCharge.Status == api.ChargeStatusSucceeded
	}
	return false
}

// expired tells whether the intent was cancelled by the time that passed.
func expired(i *api.PaymentIntent) bool {
	return i.CancellationReason == api.PaymentIntentCancellationReasonExpired ||
		i.CancellationReason == api.PaymentIntentCancellationReasonAutomatic
}

func refused(call payments.Call, code string) payments.Result {
	reason := contracts.ReasonDeclined
	if call.Action == payments.ActionCapture {
		reason = contracts.ReasonExpired
	}
	return payments.Result{Outcome: payments.Refused, Reason: reason, Code: code}
}
