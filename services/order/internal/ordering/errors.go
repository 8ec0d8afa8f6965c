package ordering

// Code says why a customer's request was not done. It is the last part of the problem's type over HTTP.
type Code string

// The codes. None of them leaves a trace: nothing was stored, nothing is sent.
const (
	UnknownSKU      Code = "unknown-sku"
	RepeatedSKU     Code = "repeated-sku"
	MixedCurrencies Code = "mixed-currencies"
	TotalTooLarge   Code = "total-too-large"
	PriceChanged    Code = "price-changed"
	KeyReused       Code = "idempotency-key-reused"
	NotFound        Code = "not-found" // no such order or product, or not this customer's
	Final           Code = "order-final"
)

// Error is a request that makes no sense now, and why.
type Error struct {
	Code   Code
	Detail string
	Faults []Fault
}

// Fault is one field that is wrong.
type Fault struct {
	Pointer string // JSON pointer into the request's body
	Detail  string
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Detail }
