// Package providertest is the contract of payments.Provider: every adapter passes it, against the real other side.
package providertest

import (
	"testing"

	"github.com/google/uuid"

	"ordersaga.internal/contracts"
	"ordersaga.internal/services/payment/internal/payments"
)

// Subject is an adapter and what is needed to test it.
type Subject struct {
	Provider payments.Provider
	OK       string // a payment method that works
	Declined string // one that is refused when authorizing
	Expired  string // one whose authorization cannot be captured
	// Readies says that the adapter answers Ready first, so that a reference can be committed before money moves.
	Readies bool
	// Forget makes the other side forget every key, as providers do after a day.
	Forget func(t *testing.T)
	// Effects returns how often money was moved for the order by the action, as the other side tells it.
	Effects func(t *testing.T, order uuid.UUID, a payments.Action) int
}

const amount = 1999

// Run runs the contract.
func Run(t *testing.T, s Subject) {
	t.Helper()
	t.Run("what was done outlives keys", func(t *testing.T) { // before the others: it takes their keys away
		forgotten(t, &desk{T: t, Subject: s, order: uuid.Must(uuid.NewV7())})
	})
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
		"what is ready moved no money":  ready,
		"close of a capture":            closedCapture,
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

// ready returns the call as it is when it has to be closed: with its reference committed, where there is one.
func (d *desk) ready(c payments.Call) payments.Call {
	d.Helper()
	if !d.Readies || c.Action != payments.ActionAuthorize || c.Reference != "" {
		return c
	}
	r, err := d.Provider.Do(d.Context(), c)
	if err != nil || r.Outcome != payments.Ready || r.Reference == "" {
		d.Fatalf("%s: %+v, %v; want it ready", c.Action, r, err)
	}
	c.Reference = r.Reference
	return c
}

// do asks twice and reads, and wants the same result each time.
func (d *desk) do(c payments.Call) payments.Result {
	d.Helper()
	c = d.ready(c)
	first, err := d.Provider.Do(d.Context(), c)
	if err != nil {
		d.Fatalf("%s: %v", c.Action, err)
	}
	second, err := d.Provider.Do(d.Context(), c)
	if err != nil || second != first {
		d.Errorf("%s again: %+v, %v; first %+v", c.Action, second, err, first)
	}
	d.reads(c, first)
	return first
}

func (d *desk) reads(c payments.Call, want payments.Result) {
	d.Helper()
	if read, err := d.Provider.Get(d.Context(), c); err != nil || read != want {
		d.Errorf("get of %s: %+v, %v; want %+v", c.Action, read, err, want)
	}
}

func (d *desk) closes(c payments.Call, want payments.Result) {
	d.Helper()
	if r, err := d.Provider.Close(d.Context(), c); err != nil || r != want {
		d.Errorf("close of %s: %+v, %v; want %+v", c.Action, r, err, want)
	}
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
