package payments_test

import (
	"errors"
	"testing"

	"github.com/google/uuid"

	"ordersaga.internal/contracts"
	"ordersaga.internal/services/payment/internal/payments"
)

// What is read because of a hint is the outstanding call, or the do of what is taken for not done; never what would have to
// be closed before it is believed.
func TestNews(t *testing.T) {
	t.Parallel()
	undoing := func(o payments.Order, k payments.Kind) payments.Operation {
		o.Reverse(id, k, undo)
		return *o.Of(k)
	}
	intended := authorized(t, payments.Result{Outcome: payments.Nothing})
	gone := authorized(t, payments.Result{Outcome: payments.Nothing})
	gone.Reverse(id, payments.Authorization, undo)
	gone.Answer(payments.Answered{Kind: payments.Authorization, Key: gone.Authorization.Key(), Result: payments.Result{Outcome: payments.Done}})
	var free, early payments.Order
	if _, err := free.Authorize(contracts.AuthorizePayment{OrderID: id, Amount: zero}, do); err != nil {
		t.Fatal(err)
	}
	free.Reverse(id, payments.Authorization, undo)
	if _, err := early.Take(contracts.CapturePayment{OrderID: id, Amount: eur}, do); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		op   payments.Operation
		want payments.Action // "": nothing is read
	}{
		"intended":                      {intended.Authorization, payments.ActionAuthorize},
		"done":                          {authorized(t, done(500, "a1")).Authorization, ""},
		"refused":                       {authorized(t, refused("x")).Authorization, payments.ActionAuthorize},
		"undoing what is not known":     {undoing(intended, payments.Authorization), ""},
		"undoing what was done":         {undoing(captured(t, done(500, "c1")), payments.Capture), payments.ActionRefund},
		"undone, nothing found":         {gone.Authorization, payments.ActionAuthorize},
		"undone of a free order":        {free.Authorization, ""},
		"refused without being called":  {early.Capture, ""},
		"undone after all was captured": {undoing(captured(t, done(500, "c1")), payments.Authorization), ""},
	} {
		call, ok := c.op.News()
		if ok != (c.want != "") || call.Action != c.want {
			t.Errorf("%s: reads %q, %v", name, call.Action, ok)
		}
	}
}

// What the provider did although it was closed, or had been refused, is opened to be undone, once, under a key of its own.
func TestSurface(t *testing.T) {
	t.Parallel()
	surfaced := payments.Surfaced{Order: id, Kind: payments.Authorization, Result: done(500, "a9")}
	for name, o := range map[string]payments.Order{"refused": authorized(t, refused("x")), "undone": func() payments.Order {
		o := authorized(t, payments.Result{Outcome: payments.Nothing})
		o.Reverse(id, payments.Authorization, undo)
		o.Answer(payments.Answered{Kind: payments.Authorization, Key: o.Authorization.Key(), Result: payments.Result{Outcome: payments.Done}})
		return o
	}()} {
		before := payments.Answered{Kind: payments.Authorization, Key: o.Authorization.Key(), Result: payments.Result{Outcome: payments.Done}}
		o.Surface(surfaced, payments.Command{Lease: lease})
		op := o.Authorization
		if body, _ := o.Answer(before); body != nil || o.Authorization != op {
			t.Errorf("%s: the answer from before it surfaced, come again, says %+v", name, body)
		}
		if op.State != payments.Undoing || op.Reference != "a9" || op.DoneMinor != 500 || op.Undo == uuid.Nil || op.LeasedBy != "1" {
			t.Fatalf("%s: %+v", name, op)
		}
		if o.Surface(surfaced, payments.Command{Lease: lease}); o.Authorization != op {
			t.Errorf("%s: surfaced twice: %+v", name, o.Authorization)
		}
		o.Answer(payments.Answered{Kind: payments.Authorization, Key: op.Key(), Result: done(500, "v1")})
		undone := o.Authorization
		if o.Surface(surfaced, payments.Command{Lease: lease}); o.Authorization != undone || undone.UndoneMinor != 500 {
			t.Errorf("%s: surfaced after it was undone: %+v", name, o.Authorization)
		}
	}
	for name, c := range map[string]struct {
		order  payments.Order
		result payments.Result
	}{
		"of what is done":     {authorized(t, done(500, "a1")), done(500, "a1")},
		"of what is intended": {authorized(t, payments.Result{Outcome: payments.Nothing}), done(500, "a1")},
		"without money":       {authorized(t, refused("x")), done(0, "a1")},
		"a refusal":           {authorized(t, refused("x")), refused("y")},
	} {
		before := c.order
		c.order.Surface(payments.Surfaced{Kind: payments.Authorization, Result: c.result}, payments.Command{Lease: lease})
		if c.order != before {
			t.Errorf("%s: %+v", name, c.order.Authorization)
		}
	}
}

// What was made ready is kept once, and only while its do is wanted.
func TestPrepare(t *testing.T) {
	t.Parallel()
	ready := payments.Prepared{Order: id, Kind: payments.Authorization, Key: do.ID.String(), Reference: "pi_1"}
	o := authorized(t, payments.Result{Outcome: payments.Nothing})
	for range 2 {
		if err := o.Prepare(ready); err != nil || o.Authorization.DoCall().Reference != "pi_1" || !o.Authorization.Open() {
			t.Fatalf("prepared %+v: %v", o.Authorization, err)
		}
	}
	before := o
	other := ready
	other.Reference = "pi_2"
	if err := o.Prepare(other); !errors.Is(err, payments.ErrNotWanted) || o != before {
		t.Errorf("a second reference: %v", err)
	}
	o.Answer(payments.Answered{Kind: payments.Authorization, Key: do.ID.String(), Result: payments.Result{Outcome: payments.Ready}})
	if o != before {
		t.Error("Ready was taken for an answer")
	}
	done, undoing := authorized(t, done(500, "a1")), authorized(t, payments.Result{Outcome: payments.Nothing})
	undoing.Reverse(id, payments.Authorization, undo)
	for name, o := range map[string]payments.Order{"done": done, "undoing": undoing, "none": {}} {
		before := o
		if err := o.Prepare(ready); !errors.Is(err, payments.ErrNotWanted) || o != before {
			t.Errorf("%s: %v", name, err)
		}
	}
}
