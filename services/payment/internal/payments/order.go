package payments

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"ordersaga.internal/contracts"
)

// NoCurrency is ISO 4217's code for "no currency involved": of the amount 0 where an undo came before anything else, so
// that the order's currency was never heard of.
const NoCurrency = "XXX"

// Order is an order's two operations. It is a value: who changes a copy changes nothing else.
type Order struct {
	Authorization Operation
	Capture       Operation
}

// Of returns the operation of the kind.
func (o *Order) Of(k Kind) *Operation {
	if k == Capture {
		return &o.Capture
	}
	return &o.Authorization
}

// Command is the envelope of what asks for an operation: its id, its trace and the lease of who will call.
type Command struct {
	ID          uuid.UUID
	Traceparent string
	Tracestate  string
	Lease       Lease
}

// Authorize takes the intent. It returns the answer, or nil where the provider has to be asked. Errors: an amount that
// cannot be held.
func (o *Order) Authorize(c contracts.AuthorizePayment, by Command) (any, error) {
	if c.Amount.AmountMinor < 0 || len(c.Amount.Currency) != 3 {
		return nil, fmt.Errorf("authorize %d %q: no amount of money", c.Amount.AmountMinor, c.Amount.Currency)
	}
	o.Authorization = Operation{
		Order: c.OrderID, Kind: Authorization, State: Intended, Command: by.ID,
		Amount: c.Amount, PaymentMethod: c.PaymentMethod, Customer: c.CustomerID,
	}
	return o.Authorization.begin(by), nil
}

// Take takes the intent to capture. Where nothing is held any more it is refused without asking the provider.
func (o *Order) Take(c contracts.CapturePayment, by Command) (any, error) {
	if c.Amount.AmountMinor < 0 || len(c.Amount.Currency) != 3 {
		return nil, fmt.Errorf("capture %d %q: no amount of money", c.Amount.AmountMinor, c.Amount.Currency)
	}
	o.Capture = Operation{
		Order: c.OrderID, Kind: Capture, State: Intended, Command: by.ID, Amount: c.Amount, Target: o.Authorization.Reference,
	}
	if o.Authorization.State != Did {
		return o.Capture.refuse(Result{Reason: contracts.ReasonExpired, Code: "not_authorized"}), nil
	}
	return o.Capture.begin(by), nil
}

// begin opens the operation. Nothing is asked of the provider for an amount of 0.
func (o *Operation) begin(by Command) any {
	if o.Amount.AmountMinor == 0 {
		return o.did(Result{})
	}
	o.lease(by.Lease, by.Traceparent, by.Tracestate)
	return nil
}

// Reverse takes the undo of the kind. It returns the answer, or nil where the provider has to be asked.
func (o *Order) Reverse(id uuid.UUID, k Kind, by Command) any {
	op := o.Of(k)
	switch {
	case op.State == Absent, op.State == Declined, op.State == Undone, op.State == Did && op.DoneMinor == 0:
		// Nothing was done, or nothing is left.
	case k == Authorization && o.Capture.tookAll(op.DoneMinor):
		// What was held has been taken, and given back by the capture's own undo.
	default:
		op.State, op.Undo = Undoing, by.ID
		op.lease(by.Lease, by.Traceparent, by.Tracestate)
		return nil
	}
	if op.State == Did || op.State == UndoFailed {
		op.Undo = by.ID
		op.shut(Undone)
	}
	return reversed(id, k, 0, o.currency())
}

// tookAll tells whether the capture is known to have taken all of the held amount.
func (o Operation) tookAll(held int64) bool {
	return o.Settled && o.DoneMinor >= held && o.DoneMinor > 0
}

func (o *Order) currency() string {
	if o.Authorization.State == Absent {
		return NoCurrency
	}
	return o.Authorization.Amount.Currency
}

// Answered is the provider's final answer to the call under Key. Found is what the provider had done when an undo closed
// the operation, where that was not known before.
type Answered struct {
	Order  uuid.UUID
	Kind   Kind
	Key    string
	Result Result
	Found  *Result
}

// Unanswered says that the call under Key got no answer. Called is false where the provider was not even asked.
type Unanswered struct {
	Order  uuid.UUID
	Kind   Kind
	Key    string
	Called bool
}

// Answer takes the provider's answer, once. It returns what to tell the saga, whether it answers the undo, and nil where
// the answer is not, or no longer, wanted.
func (o *Order) Answer(a Answered) (body any, undo bool) {
	op := o.Of(a.Kind)
	done, refused := a.Result.Outcome == Done, a.Result.Outcome == Refused
	if !op.Open() || op.Key() != a.Key || !done && !refused {
		return nil, false
	}
	switch {
	case op.State == Intended && done:
		return op.did(a.Result), false
	case op.State == Intended:
		return op.refuse(a.Result), false
	}
	if a.Found != nil {
		op.Settled, op.DoneMinor, op.Reference = true, a.Found.AmountMinor, a.Found.Reference
	}
	if !done {
		op.Failures++
		op.Code = a.Result.Code
		op.shut(UndoFailed)
		return failed(op.Order, op.Kind, a.Result.Code), true
	}
	op.UndoneMinor = a.Result.AmountMinor
	op.shut(Undone)
	return reversed(op.Order, op.Kind, op.UndoneMinor, op.Amount.Currency), true
}

// Wait takes a call without an answer: it is to be repeated after a pause.
func (o *Order) Wait(u Unanswered, now time.Time) {
	op := o.Of(u.Kind)
	if !op.Open() || op.Key() != u.Key {
		return
	}
	if u.Called {
		op.Attempts++
	}
	op.DueAt, op.LeasedBy = now.Add(op.pause(u.Called)), ""
}
