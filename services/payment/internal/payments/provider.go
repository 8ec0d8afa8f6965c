package payments

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"ordersaga.internal/contracts"
)

// Action is what the provider is asked to do.
type Action string

// The actions.
const (
	ActionAuthorize Action = "authorize"
	ActionCapture   Action = "capture"
	ActionVoid      Action = "void"
	ActionRefund    Action = "refund"
)

// Call is one operation at the provider. Key identifies it there for ever: however often it is repeated, it is done once.
type Call struct {
	Action        Action
	Key           string
	Order         uuid.UUID
	Amount        contracts.Money // authorize, capture
	PaymentMethod string          // authorize
	Customer      string          // authorize; an id
	Target        string          // the provider's reference of what is captured, voided or refunded; "" for authorize
	Reference     string          // authorize: the provider's, committed after Ready; "" before that, and where there is no such step
}

// Outcome is what the provider says became of a call.
type Outcome string

// The outcomes. Done and Refused are final.
const (
	Ready   Outcome = "ready"   // of Do only: nothing was done, and will be when asked again with the Reference, which is to be committed before
	Nothing Outcome = "nothing" // nothing is known under the key: never asked, or not yet; after Close: never will be
	Done    Outcome = "done"
	Refused Outcome = "refused" // for good; nothing was done
)

// Result is the provider's answer.
type Result struct {
	Outcome     Outcome
	AmountMinor int64            // moved, when Done; in the currency of the authorization. Void and refund: what was left, or 0
	Reference   string           // the provider's, of what was done, or is Ready
	Reason      contracts.Reason // when Refused
	Code        string           // the provider's own, when Refused; never a person's data
}

// Provider is the port to a payment provider. An error means that the outcome is unknown: the call may have been done, may
// yet be done, or not. Adapters pass the contract of package providertest.
type Provider interface {
	// Do asks for the call. Repeated with the same key it is done once, and the result is the same; but a refusal may be
	// forgotten, and everything after a day or so. A void or refund of which nothing is left is Done with amount 0. Without
	// a Reference it may answer Ready: as long as no Reference was committed, nothing can have been done.
	Do(ctx context.Context, c Call) (Result, error)
	// Close makes sure that the call, if it was not done yet, never will be, and returns its result, or Nothing.
	Close(ctx context.Context, c Call) (Result, error)
	// Get returns the result of the call, however long ago it was done, or Nothing, which means only that it was not done
	// yet.
	Get(ctx context.Context, c Call) (Result, error)
}

// ErrNotCalled is wrapped by an error of a Provider that knows that the provider was not asked: a breaker is open.
var ErrNotCalled = errors.New("the provider was not called")
