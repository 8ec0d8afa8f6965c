package check

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Inputs is what the checker is told, because nothing it reads says so: what people told the warehouse and the catalogue,
// and what customers were answered.
type Inputs struct {
	Goods    []Goods
	Accepted []ID     // orders that were answered 202
	Refused  []string // Idempotency-Keys of requests that were answered 4xx, and never 202
}

// Goods is one row of scripts/seed.json: a SKU or a range of them, with price and stock. A SKU may have several rows:
// then each price is right, and what was received and damaged adds up.
type Goods struct {
	SKU        string `json:"sku"`   // with %04d where Count > 0
	Count      int    `json:"count"` // that many SKUs, numbered from 1; 0: just this one
	PriceMinor int64  `json:"price_minor"`
	Currency   string `json:"currency"`
	Received   int64  `json:"received"` // units
	Damaged    int64  `json:"damaged"`  // of these, found when picking
}

// ParseGoods reads the JSON of scripts/seed.json.
func ParseGoods(raw []byte) ([]Goods, error) {
	var goods []Goods
	if err := json.Unmarshal(raw, &goods); err != nil {
		return nil, fmt.Errorf("declared goods: %w", err)
	}
	return goods, nil
}

// declared is what was declared of one SKU.
type declared struct {
	prices            []Money
	received, damaged int64
}

// byName spreads the ranges.
func (in *Inputs) byName() map[string]*declared {
	out := map[string]*declared{}
	for _, g := range in.Goods {
		for i := range max(1, g.Count) {
			sku := g.SKU
			if g.Count > 0 {
				sku = fmt.Sprintf(g.SKU, i+1)
			}
			d := out[sku]
			if d == nil {
				d = &declared{}
				out[sku] = d
			}
			d.received += g.Received
			d.damaged += g.Damaged
			if price := (Money{g.PriceMinor, g.Currency}); g.Currency != "" && !slices.Contains(d.prices, price) {
				d.prices = append(d.prices, price)
			}
		}
	}
	return out
}

// slack is how far the clocks of the machines may be apart, and brokers' from each other. What happened within it has no
// order that clocks could tell.
const slack = time.Second
