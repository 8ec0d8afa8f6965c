package contracts

import (
	"errors"
	"fmt"
	"math"
)

// Money is an amount in minor units (cents for EUR) of an ISO 4217 currency. It is never a float: integers in Go, SQL
// and JavaScript.
type Money struct {
	AmountMinor int64  `json:"amount_minor" schema:"min=0,max=9007199254740991"`
	Currency    string `json:"currency" schema:"pattern=^[A-Z]{3}$"`
}

// ErrMoneyOverflow is returned when a sum or product does not fit 2^53−1, the largest integer every reader can hold.
var ErrMoneyOverflow = errors.New("amount of money too large")

// ErrCurrencyMismatch is returned when amounts of two currencies are added.
var ErrCurrencyMismatch = errors.New("amounts of different currencies")

const maxMinor = 1<<53 - 1

// Add returns m + o. Errors: ErrCurrencyMismatch, ErrMoneyOverflow.
func (m Money) Add(o Money) (Money, error) {
	if m.Currency != o.Currency {
		return Money{}, fmt.Errorf("%w: %s and %s", ErrCurrencyMismatch, m.Currency, o.Currency)
	}
	if o.AmountMinor > 0 && m.AmountMinor > math.MaxInt64-o.AmountMinor || m.AmountMinor+o.AmountMinor > maxMinor {
		return Money{}, ErrMoneyOverflow
	}
	return Money{AmountMinor: m.AmountMinor + o.AmountMinor, Currency: m.Currency}, nil
}

// Times returns m × quantity for quantity ≥ 0. Errors: ErrMoneyOverflow.
func (m Money) Times(quantity int) (Money, error) {
	if quantity < 0 || quantity > 0 && m.AmountMinor > maxMinor/int64(quantity) {
		return Money{}, ErrMoneyOverflow
	}
	return Money{AmountMinor: m.AmountMinor * int64(quantity), Currency: m.Currency}, nil
}
