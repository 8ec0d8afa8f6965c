// Package providertest is the contract of payments.Provider: every adapter passes it, against the real other side.
package providertest

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"ordersaga.internal/contracts"
	"ordersaga.internal/services/payment/internal/payments"
)

// Subject is an adapter and what is needed to test it.
type Subject struct {
	Provider payments.Provider
	OK       string // a payment method that works
	Declined string // one that is refused when authorizing
	Expired  string // one whose authorization cannot be captured
	// Effects returns how often money was moved for the order by the action, as the other side tells it.
	Effects func(t *testing.T, order uuid.UUID, a payments.Action) int
}

const amount = 1999

// Run runs the contract.
func Run(t *testing.T, s Subject) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, *desk){
		"a charge and its undo":         charge,
		"a void of a hold":              void,
		"a refusal is remembered":       declined,
		"a capture is refused":          expired,
		"nothing is known yet":          unknown,
		"a late do after close fails":   closed,
		"close tells what was done":     closeOfDone,
		"at once, done once":            atOnce,
		"an ended context is an error":  ended,
		"undo of nothing is done, zero": nothingLeft,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, &desk{T: t, Subject: s, order: uuid.Must(uuid.NewV7())})
		})
	}
}

type desk struct {
	*testing.T
	Subject

	order uuid.UUID
}

func (d *desk) authorization(method string) payments.Call {
	return payments.Call{
		Action: payments.ActionAuthorize, Key: uuid.NewString(), Order: d.order, Customer: "cus_1",
		Amount: contracts.Money{AmountMinor: amount, Currency: "EUR"}, PaymentMethod: method,
	}
}

func (d *desk) on(a payments.Action, target string) payments.Call {
	return payments.Call{
		Action: a, Key: uuid.NewString(), Order: d.order, Target: target,
		Amount: contracts.Money{AmountMinor: amount, Currency: "EUR"},
	}
}

// do asks twice and reads, and wants the same result each time.
func (d *desk) do(c payments.Call) payments.Result {
	d.Helper()
	first, err := d.Provider.Do(d.Context(), c)
	if err != nil {
		d.Fatalf("%s: %v", c.Action, err)
	}
	second, err := d.Provider.Do(d.Context(), c)
	if err != nil || second != first {
		d.Errorf("%s again: %+v, %v; first %+v", c.Action, second, err, first)
	}
	read, err := d.Provider.Get(d.Context(), c)
	if err != nil || read != first {
		d.Errorf("get of %s: %+v, %v; first %+v", c.Action, read, err, first)
	}
	return first
}

func (d *desk) done(r payments.Result, minor int64) {
	d.Helper()
	if r.Outcome != payments.Done || r.AmountMinor != minor || r.Reference == "" {
		d.Errorf("result %+v, want %d done", r, minor)
	}
}

func (d *desk) refused(r payments.Result, reason contracts.Reason) {
	d.Helper()
	if r.Outcome != payments.Refused || r.Reason != reason || r.Code == "" {
		d.Errorf("result %+v, want refused: %s", r, reason)
	}
}

func (d *desk) effects(a payments.Action, want int) {
	d.Helper()
	if n := d.Effects(d.T, d.order, a); n != want {
		d.Errorf("%d effects of %s, want %d", n, a, want)
	}
}

func charge(_ *testing.T, d *desk) {
	hold := d.do(d.authorization(d.OK))
	d.done(hold, amount)
	taken := d.do(d.on(payments.ActionCapture, hold.Reference))
	d.done(taken, amount)
	d.done(d.do(d.on(payments.ActionRefund, taken.Reference)), amount)
	d.effects(payments.ActionAuthorize, 1)
	d.effects(payments.ActionCapture, 1)
	d.effects(payments.ActionRefund, 1)
}

func void(_ *testing.T, d *desk) {
	hold := d.do(d.authorization(d.OK))
	d.done(d.do(d.on(payments.ActionVoid, hold.Reference)), amount)
	d.effects(payments.ActionVoid, 1)
	d.refused(d.do(d.on(payments.ActionCapture, hold.Reference)), contracts.ReasonExpired)
	d.effects(payments.ActionCapture, 0)
}

func nothingLeft(_ *testing.T, d *desk) {
	hold := d.do(d.authorization(d.OK))
	taken := d.do(d.on(payments.ActionCapture, hold.Reference))
	d.done(d.do(d.on(payments.ActionVoid, hold.Reference)), 0)
	d.done(d.do(d.on(payments.ActionRefund, taken.Reference)), amount)
	d.done(d.do(d.on(payments.ActionRefund, taken.Reference)), 0)
}

func declined(_ *testing.T, d *desk) {
	d.refused(d.do(d.authorization(d.Declined)), contracts.ReasonDeclined)
	d.effects(payments.ActionAuthorize, 0)
}

func expired(_ *testing.T, d *desk) {
	hold := d.do(d.authorization(d.Expired))
	d.refused(d.do(d.on(payments.ActionCapture, hold.Reference)), contracts.ReasonExpired)
	d.effects(payments.ActionCapture, 0)
}

func unknown(_ *testing.T, d *desk) {
	r, err := d.Provider.Get(d.Context(), d.authorization(d.OK))
	if err != nil || r != (payments.Result{Outcome: payments.Nothing}) {
		d.Errorf("get of what was never asked: %+v, %v", r, err)
	}
}

func closed(_ *testing.T, d *desk) {
	c := d.authorization(d.OK)
	for range 2 {
		r, err := d.Provider.Close(d.Context(), c)
		if err != nil || r != (payments.Result{Outcome: payments.Nothing}) {
			d.Errorf("close of what was never asked: %+v, %v", r, err)
		}
	}
	late, err := d.Provider.Do(d.Context(), c)
	if err != nil {
		d.Fatal(err)
	}
	d.refused(late, contracts.ReasonSuperseded)
	d.effects(payments.ActionAuthorize, 0)
}

func closeOfDone(_ *testing.T, d *desk) {
	for method, outcome := range map[string]payments.Outcome{d.OK: payments.Done, d.Declined: payments.Refused} {
		c := d.authorization(method)
		before := d.do(c)
		if r, err := d.Provider.Close(d.Context(), c); err != nil || r != before || r.Outcome != outcome {
			d.Errorf("close: %+v, %v, want %+v", r, err, before)
		}
	}
}

func atOnce(_ *testing.T, d *desk) {
	c := d.authorization(d.OK)
	results := make([]payments.Result, 8)
	work, ctx := errgroup.WithContext(d.Context())
	for i := range results {
		work.Go(func() (err error) {
			results[i], err = d.Provider.Do(ctx, c)
			return err
		})
	}
	if err := work.Wait(); err != nil {
		d.Fatal(err)
	}
	for _, r := range results {
		if r != results[0] {
			d.Errorf("results %+v and %+v", r, results[0])
		}
	}
	d.effects(payments.ActionAuthorize, 1)
}

func ended(_ *testing.T, d *desk) {
	ctx, cancel := context.WithCancel(d.Context())
	cancel()
	for name, call := range map[string]func(context.Context, payments.Call) (payments.Result, error){
		"do": d.Provider.Do, "close": d.Provider.Close, "get": d.Provider.Get,
	} {
		if r, err := call(ctx, d.authorization(d.OK)); err == nil {
			d.Errorf("%s: %+v", name, r)
		}
	}
}
