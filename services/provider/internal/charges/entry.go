// Package charges is what the provider knows: authorizations, captures, voids and refunds, and the result remembered
// under each idempotency key. It is pure: the ledger's lines are its only state, and replaying them gives it back.
package charges

import "time"

// Operation names what a caller can ask for, and Expire, which happens by itself.
type Operation string

// The operations.
const (
	Authorize Operation = "authorize" // hold an amount
	Capture   Operation = "capture"   // take what is held
	Void      Operation = "void"      // let go of what is still held
	Refund    Operation = "refund"    // give back what was taken
	Close     Operation = "close"     // whatever comes later under this key is refused
	Expire    Operation = "expire"    // the hold ended by itself; has no key
)

// Outcome of an operation. Only Succeeded moved money.
type Outcome string

// The outcomes.
const (
	Succeeded Outcome = "succeeded"
	Refused   Outcome = "refused" // with a Code; repeated under the same key it stays refused, unless it is Forgotten
	Closed    Outcome = "closed"  // the key was closed before anything was done under it
)

// The codes of refusals.
const (
	CodeDeclined       = "card_declined"
	CodeUnknownMethod  = "unknown_payment_method"
	CodeExpired        = "authorization_expired"
	CodeAmountTooLarge = "amount_too_large"
	CodeCurrency       = "currency_mismatch"
	CodeSwitched       = "refused_by_switch" // an operator of the sandbox asked for it
)

// Entry is one line of the ledger and the answer to the request that caused it.
type Entry struct {
	ID            string    `json:"id"` // of the authorization, capture, …, unique
	At            time.Time `json:"at"`
	Operation     Operation `json:"operation"`
	Outcome       Outcome   `json:"outcome"`
	Forgotten     bool      `json:"forgotten,omitempty"`     // a refusal that is not remembered under its key
	Code          string    `json:"code,omitempty"`          // why refused
	Key           string    `json:"key,omitempty"`           // the caller's idempotency key
	Reference     string    `json:"reference,omitempty"`     // the caller's own id, here the order's
	Authorization string    `json:"authorization,omitempty"` // what a capture, void, refund or expiry is of
	Capture       string    `json:"capture,omitempty"`       // what a refund is of
	PaymentMethod string    `json:"payment_method,omitempty"`
	AmountMinor   int64     `json:"amount_minor"` // moved; of a refused authorize or capture: asked for
	Currency      string    `json:"currency,omitempty"`
}

// Request is what a caller wants done under Key.
type Request struct {
	Operation     Operation
	Key           string
	Reference     string // authorize
	PaymentMethod string // authorize
	AmountMinor   int64  // authorize, capture
	Currency      string // authorize, capture
	Target        string // capture, void: an authorization's id; refund: a capture's id
}

// Refusal is what a request is refused with, on request. The zero value: it is not.
type Refusal struct {
	Code   string
	Forget bool // do not remember it under the key: the next request with the key is decided anew
}

// matches tells whether e is the result of the same request.
func (e Entry) matches(r Request) bool {
	if e.Operation != r.Operation {
		return false
	}
	switch r.Operation {
	case Authorize:
		return e.Reference == r.Reference && e.PaymentMethod == r.PaymentMethod &&
			e.AmountMinor == r.AmountMinor && e.Currency == r.Currency
	case Capture:
		return e.Authorization == r.Target && e.AmountMinor == r.AmountMinor && e.Currency == r.Currency
	case Void:
		return e.Authorization == r.Target
	case Refund:
		return e.Capture == r.Target
	case Close, Expire:
	}
	return false
}
