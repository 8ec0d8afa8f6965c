package ordering

import (
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/google/uuid"

	"ordersaga.internal/contracts"
)

// Key names a placement: the customer and the Idempotency-Key that the customer chose.
type Key struct{ Customer, Key string }

// Fingerprint is the SHA-256 of a request's raw body: a body that differs in a single byte is another one.
type Fingerprint [sha256.Size]byte

// Record is an order that is stored, as what its key stands for.
type Record struct {
	Fingerprint Fingerprint
	Order       Order
}

// Placement is a customer's request to place an order. It is submitted as a pointer: Order is the result.
type Placement struct {
	OrderID       uuid.UUID // the order's, if it becomes a new one
	Key           Key
	Fingerprint   Fingerprint
	Lines         []contracts.Line // 1 to 1,000, quantities from 1 to 1,000
	PaymentMethod string
	ShipTo        string
	ExpectedTotal *contracts.Money // what the customer was shown; nil where the customer does not say

	Order Order // as it was placed, by this request or the first with the key
}

// place makes the order of a placement whose key is new. Errors: those of price; TotalTooLarge; PriceChanged.
func (p *Placement) place(c Catalogue, shipping int64, now time.Time) (Order, error) {
	lines, goods, err := price(p.Lines, c)
	if err != nil {
		return Order{}, err
	}
	total, err := goods.Add(contracts.Money{AmountMinor: shipping, Currency: goods.Currency})
	if err != nil {
		return Order{}, &Error{Code: TotalTooLarge, Detail: "the total is larger than can be paid"}
	}
	if e := p.ExpectedTotal; e != nil && *e != total {
		return Order{}, &Error{
			Code:   PriceChanged,
			Detail: fmt.Sprintf("the order costs %d %s (minor units) now", total.AmountMinor, total.Currency),
			Faults: []Fault{{"/expected_total", fmt.Sprintf("expected %d %s", e.AmountMinor, e.Currency)}},
		}
	}
	return Order{
		ID: p.OrderID, Customer: p.Key.Customer, Lines: lines, Total: total,
		PaymentMethod: p.PaymentMethod, ShipTo: p.ShipTo, PlacedAt: now, State: placed(),
	}, nil
}

// repeated answers a placement whose key stands for an order already: with that order as it was placed, whatever
// happened to it since. Errors: KeyReused.
func (r Record) repeated(p *Placement) (Order, error) {
	if r.Fingerprint != p.Fingerprint {
		return Order{}, &Error{
			Code: KeyReused, Detail: "this Idempotency-Key was used for an order with another body",
		}
	}
	o := r.Order
	o.State = placed()
	return o, nil
}
