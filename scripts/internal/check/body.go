package check

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Money is an amount in minor units.
type Money struct {
	Minor    int64  `json:"amount_minor"`
	Currency string `json:"currency"`
}

func (m Money) String() string { return fmt.Sprintf("%d %s", m.Minor, m.Currency) }

func (p Price) valid() bool {
	return p.Goods.valid() && p.Shipping.valid() && p.Total.valid() &&
		p.Goods.Currency == p.Total.Currency && p.Shipping.Currency == p.Total.Currency
}

// maxMinor is the largest amount that every reader can hold.
const maxMinor = 1<<53 - 1

func (m Money) valid() bool {
	return m.Minor >= 0 && m.Minor <= maxMinor && len(m.Currency) == 3 && strings.ToUpper(m.Currency) == m.Currency
}

// Line is so many of a SKU. Only what was placed has a price.
type Line struct {
	SKU      string `json:"sku"`
	Quantity int64  `json:"quantity"`
	Price    Money  `json:"unit_price,omitzero"`
}

// Shortage is what StockReservationRefused says of one SKU.
type Shortage struct {
	SKU       string `json:"sku"`
	Requested int64  `json:"requested"`
	Available int64  `json:"available"`
}

// Price is what an order costs, since version 2 of OrderPlaced.
type Price struct {
	Goods    Money `json:"goods"`
	Shipping Money `json:"shipping"`
	Total    Money `json:"total"`
}

// words is what a value says; each type uses some of it.
type words struct {
	Order     string     `json:"order_id"`
	Customer  string     `json:"customer_id"`
	Lines     []Line     `json:"lines"`
	Total     Money      `json:"total"`
	Price     Price      `json:"price"`
	Second    bool       `json:"-"` // said in version 2 of its type
	Amount    Money      `json:"amount"`
	Method    string     `json:"payment_method"`
	ShipTo    string     `json:"ship_to"`
	Step      string     `json:"step"`
	Reason    string     `json:"reason"`
	Detail    string     `json:"detail"`
	Shipment  string     `json:"shipment_id"`
	Shortages []Shortage `json:"shortages"`
}

// decodeWords returns what a value says, nil where that is the order alone, as most do: those need no decoder.
func decodeWords(k kind, version, key string, value []byte) (*words, error) {
	if bare(key, value) {
		return nil, (&words{}).check(k)
	}
	w := &words{}
	if err := json.Unmarshal(value, w); err != nil {
		return nil, fmt.Errorf("its value is not JSON: %w", err)
	}
	if w.Order != key {
		return nil, fmt.Errorf("its value speaks of order %q", w.Order)
	}
	if k == orderPlaced {
		if err := w.priced(version); err != nil {
			return nil, err
		}
	}
	return w, w.check(k)
}

// priced makes one of the versions of OrderPlaced: from here on each has a price and a total. In version 1 there is no
// price, and the total is that of the goods.
func (w *words) priced(version string) error {
	second := version == secondPlaced
	if second != (w.Price != Price{}) || second != (w.Total == Money{}) {
		return errors.New("its value is not what " + version + " promises")
	}
	if w.Second = second; second {
		w.Total = w.Price.Total
	} else {
		w.Price = Price{Goods: w.Total, Shipping: Money{Currency: w.Total.Currency}, Total: w.Total}
	}
	return nil
}

// bare tells whether a value is {"order_id":"…"} of its key.
func bare(key string, value []byte) bool {
	const head, tail = `{"order_id":"`, `"}`
	return len(value) == len(head)+len(key)+len(tail) && string(value[:len(head)]) == head &&
		string(value[len(head):len(head)+len(key)]) == key && string(value[len(head)+len(key):]) == tail
}

// check returns what a value of the type lacks.
func (w *words) check(k kind) error {
	switch k {
	case orderPlaced:
		return w.need(k, w.Customer != "" && w.Method != "" && w.ShipTo != "" && w.Price.valid() && w.linesValid(true))
	case reserveStock:
		return w.need(k, w.linesValid(false))
	case dispatchOrder:
		return w.need(k, w.ShipTo != "" && w.linesValid(false))
	case authorizePayment:
		return w.need(k, w.Customer != "" && w.Method != "" && w.Amount.valid())
	case capturePayment, paymentAuthorized, paymentCaptured, paymentVoided, paymentRefunded:
		return w.need(k, w.Amount.valid())
	case rejectOrder, orderRejected:
		return w.need(k, w.Step != "" && reasons[w.Reason])
	case paymentDeclined, paymentCaptureRefused, stockRefused, dispatchRefused:
		return w.need(k, reasons[w.Reason])
	case orderDispatched:
		return w.need(k, w.Shipment != "")
	}
	return nil
}

func (w *words) need(k kind, ok bool) error {
	if ok {
		return nil
	}
	return errors.New("its value is not what " + k.String() + " promises")
}

func (w *words) linesValid(priced bool) bool {
	for _, l := range w.Lines {
		if l.SKU == "" || l.Quantity < 1 || l.Quantity > 1000 || priced && !l.Price.valid() {
			return false
		}
	}
	return len(w.Lines) > 0 && len(w.Lines) <= 1000
}

// sum is what the lines come to; ok is false where they are not all in the total's currency.
func (w *words) sum() (goods int64, ok bool) {
	for _, l := range w.Lines {
		if l.Price.Currency != w.Total.Currency {
			return 0, false
		}
		goods += l.Price.Minor * l.Quantity
	}
	return goods, true
}

// sameLines tells whether a and b name the same quantities, in any order, whatever the prices.
func sameLines(a, b []Line) bool {
	left := minus(a, b)
	return len(a) == len(b) && !slices.ContainsFunc(left, func(l Line) bool { return l.Quantity != 0 })
}

// minus returns for each SKU of a or b how many more of it a has.
func minus(a, b []Line) []Line {
	out := make([]Line, 0, len(a))
	for _, l := range a {
		out = append(out, Line{SKU: l.SKU, Quantity: l.Quantity})
	}
	at := func(sku string) int {
		return slices.IndexFunc(out, func(l Line) bool { return l.SKU == sku })
	}
	if len(a) > 16 {
		index := make(map[string]int, len(a))
		for i, l := range out {
			index[l.SKU] = i
		}
		at = func(sku string) int {
			if i, ok := index[sku]; ok {
				return i
			}
			return -1
		}
	}
	for _, l := range b {
		if i := at(l.SKU); i >= 0 {
			out[i].Quantity -= l.Quantity
		} else {
			out = append(out, Line{SKU: l.SKU, Quantity: -l.Quantity})
		}
	}
	return out
}
