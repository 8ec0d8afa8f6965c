package providertest

import (
	"context"
	"testing"

	"golang.org/x/sync/errgroup"

	"ordersaga.internal/contracts"
	"ordersaga.internal/services/payment/internal/payments"
)

var nothing = payments.Result{Outcome: payments.Nothing}

func unknown(_ *testing.T, d *desk) {
	c := d.authorization(d.OK)
	d.reads(c, nothing)
	d.reads(d.ready(c), nothing)
	hold := d.do(d.authorization(d.OK))
	d.reads(d.on(payments.ActionCapture, hold.Reference), nothing)
	d.reads(d.on(payments.ActionVoid, hold.Reference), nothing)
	taken := d.do(d.on(payments.ActionCapture, hold.Reference))
	d.reads(d.on(payments.ActionRefund, taken.Reference), nothing)
}

func closed(_ *testing.T, d *desk) {
	c := d.ready(d.authorization(d.OK))
	d.closes(c, nothing)
	d.closes(c, nothing)
	late, err := d.Provider.Do(d.Context(), c)
	if err != nil {
		d.Fatal(err)
	}
	d.refused(late, contracts.ReasonSuperseded)
	d.reads(c, nothing)
	d.effects(payments.ActionAuthorize, 0)
}

// ready: without a committed reference nothing can have been done, so there is nothing to close; a repeat makes the same
// ready.
func ready(_ *testing.T, d *desk) {
	if !d.Readies {
		return
	}
	c := d.authorization(d.OK)
	d.closes(c, nothing)
	first, second := d.ready(c), d.ready(c)
	if first != second {
		d.Errorf("ready as %q, then as %q", first.Reference, second.Reference)
	}
	d.closes(c, nothing)
	d.effects(payments.ActionAuthorize, 0)
}

func closeOfDone(_ *testing.T, d *desk) {
	for method, outcome := range map[string]payments.Outcome{d.OK: payments.Done, d.Declined: payments.Refused} {
		c := d.ready(d.authorization(method))
		before := d.do(c)
		if d.closes(c, before); before.Outcome != outcome {
			d.Errorf("%s: %+v", method, before)
		}
	}
	hold := d.do(d.authorization(d.OK))
	take := d.on(payments.ActionCapture, hold.Reference)
	taken := d.do(take)
	d.closes(take, taken)
	back := d.on(payments.ActionRefund, taken.Reference)
	d.closes(back, d.do(back))
}

// closedCapture: a capture that was closed never happens, and the hold can be let go, also where closing has done so.
func closedCapture(_ *testing.T, d *desk) {
	hold := d.do(d.authorization(d.OK))
	take := d.on(payments.ActionCapture, hold.Reference)
	d.closes(take, nothing)
	late, err := d.Provider.Do(d.Context(), take)
	if err != nil || late.Outcome != payments.Refused {
		d.Errorf("a late capture: %+v, %v", late, err)
	}
	d.effects(payments.ActionCapture, 0)
	d.done(d.do(d.on(payments.ActionVoid, hold.Reference)), amount)
	d.effects(payments.ActionVoid, 1)
}

// forgotten: what was done is read and closed as such when its key means nothing any more.
func forgotten(_ *testing.T, d *desk) {
	held := d.ready(d.authorization(d.OK))
	hold := d.do(held)
	take := d.on(payments.ActionCapture, hold.Reference)
	taken := d.do(take)
	back := d.on(payments.ActionRefund, taken.Reference)
	given := d.do(back)
	d.Forget(d.T)
	for c, want := range map[payments.Call]payments.Result{held: hold, take: taken, back: given} {
		d.reads(c, want)
		d.closes(c, want)
		d.reads(c, want)
	}
	let := d.ready(d.authorization(d.OK))
	gone := d.on(payments.ActionVoid, d.do(let).Reference)
	void := d.do(gone)
	d.Forget(d.T)
	d.reads(gone, void)
}

// atOnce: who gets no answer because another asks for the same reads it.
func atOnce(_ *testing.T, d *desk) {
	c := d.ready(d.authorization(d.OK))
	results := make([]payments.Result, 8)
	work, ctx := errgroup.WithContext(d.Context())
	for i := range results {
		work.Go(func() (err error) {
			results[i], err = d.Provider.Do(ctx, c)
			for err != nil && ctx.Err() == nil {
				if results[i], err = d.Provider.Get(ctx, c); err == nil && results[i].Outcome == payments.Nothing {
					results[i], err = d.Provider.Do(ctx, c)
				}
			}
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
