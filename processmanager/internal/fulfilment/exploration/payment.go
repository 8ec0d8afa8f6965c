package exploration

import (
	"fmt"

	"github.com/google/uuid"
	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/processmanager/saga"
)

// payment is the payment service and its provider, as services/payment/internal/payments and the provider keep the one
// order: two operations, and what the provider's ledger says of them.
type payment struct {
	authorization, capture operation
	ledger                 ledger
}

// operation is an authorization or a capture.
type operation struct {
	state    string // "", intended, done, refused, undoing, undone, undo_failed
	call     call   // while it is intended or undoing
	settled  bool   // what became of the do is known
	did      bool   // when settled: the provider did it
	failures int8   // undos that the provider refused for good; part of the undo's key
	late     bool   // an answer to the do is still on its way, though its undo was accepted
}

// call is where the outstanding call of an operation is.
type call string

const (
	asking   call = "asking"   // the request is on its way, or being repeated with the same key
	answered call = "answered" // the answer is on its way
)

var (
	authorization = messaging.Operation{Name: "authorization", Superseded: func(order uuid.UUID) any {
		return contracts.PaymentDeclined{OrderID: order, Reason: contracts.ReasonSuperseded}
	}}
	capture = messaging.Operation{Name: "capture", Superseded: func(order uuid.UUID) any {
		return contracts.PaymentCaptureRefused{OrderID: order, Reason: contracts.ReasonSuperseded}
	}}
)

func (p payment) take(c saga.Message) (messaging.Operation, bool, []way[payment]) {
	one := func(work func(*payment) (any, error)) []way[payment] {
		return []way[payment]{{work: func(p *payment, _ *messaging.Fence) ([]messaging.Message, any, error) {
			answer, err := work(p)
			return nil, answer, err
		}}}
	}
	switch c.(type) {
	case contracts.AuthorizePayment:
		return authorization, false, one((*payment).authorize)
	case contracts.CapturePayment:
		return capture, false, one((*payment).takeIntent)
	case contracts.VoidPayment:
		return authorization, true, one(func(p *payment) (any, error) { return p.reverse(false), nil })
	case contracts.RefundPayment:
		return capture, true, one(func(p *payment) (any, error) { return p.reverse(true), nil })
	default:
		panic("payment does not take " + c.WireType())
	}
}

func (p *payment) of(captures bool) *operation {
	if captures {
		return &p.capture
	}
	return &p.authorization
}

func (p *payment) authorize() (any, error) {
	if p.authorization.state != "" {
		return nil, fmt.Errorf("I4: authorized again: it is %s", p.authorization.state)
	}
	p.authorization = operation{state: "intended", call: asking}
	return nil, nil
}

// takeIntent takes the intent to capture. Where nothing is held any more it is refused without asking the provider.
func (p *payment) takeIntent() (any, error) {
	if p.capture.state != "" {
		return nil, fmt.Errorf("I4: captured again: it is %s", p.capture.state)
	}
	if p.authorization.state != "done" {
		p.capture = operation{state: "refused", settled: true}
		return refused(true), nil
	}
	p.capture = operation{state: "intended", call: asking}
	return nil, nil
}

// reverse takes the undo. It returns the answer, or nil where the provider has to be asked.
func (p *payment) reverse(captures bool) any {
	op := p.of(captures)
	switch op.state {
	case "", "refused", "undone": // nothing was done, or nothing is left
	default:
		if !captures && p.capture.settled && p.capture.did { // what was held has been taken, and given back
			op.state, op.call = "undone", ""
			break
		}
		op.late = op.state == "intended" && op.call == answered
		op.state, op.call = "undoing", asking
		return nil
	}
	return reversed(captures)
}

func done(captures bool) any {
	amount := contracts.Money{AmountMinor: 1999, Currency: "EUR"}
	if captures {
		return contracts.PaymentCaptured{OrderID: order, Amount: amount}
	}
	return contracts.PaymentAuthorized{OrderID: order, Amount: amount}
}

func refused(captures bool) any {
	if captures {
		return contracts.PaymentCaptureRefused{OrderID: order, Reason: contracts.ReasonExpired}
	}
	return contracts.PaymentDeclined{OrderID: order, Reason: contracts.ReasonDeclined}
}

func reversed(captures bool) any {
	if captures {
		return contracts.PaymentRefunded{OrderID: order}
	}
	return contracts.PaymentVoided{OrderID: order}
}

func failed(captures bool) any {
	if captures {
		return contracts.PaymentRefundFailed{OrderID: order, Detail: "account_closed"}
	}
	return contracts.PaymentVoidFailed{OrderID: order, Detail: "account_closed"}
}
