package check

import (
	"fmt"
	"maps"
	"slices"
)

// onShelf is what became of one SKU, by what was said of every order.
type onShelf struct {
	requested, held, dispatched, writtenOff int64
	shortage                                *claim // the one that says that the least was available
}

// shelf adds up all orders' goods.
type shelf struct {
	declared map[string]*declared // shared, read only
	goods    map[string]*onShelf
}

func newShelf(d map[string]*declared) *shelf {
	return &shelf{declared: d, goods: map[string]*onShelf{}}
}

func (s *shelf) of(sku string) *onShelf {
	o := s.goods[sku]
	if o == nil {
		o = &onShelf{}
		s.goods[sku] = o
	}
	return o
}

func (s *shelf) merge(other *shelf) {
	for sku, o := range other.goods {
		sum := s.of(sku)
		sum.requested += o.requested
		sum.held += o.held
		sum.dispatched += o.dispatched
		sum.writtenOff += o.writtenOff
		if o.shortage != nil && (sum.shortage == nil || o.shortage.available < sum.shortage.available) {
			sum.shortage = o.shortage
		}
	}
}

// price: an order is placed at a declared price.
func (s *shelf) price(l *life, p *message, line Line) {
	d := s.declared[line.SKU]
	switch {
	case d == nil:
		l.violates(I8, "%s has %s, which is in no declared catalogue", p, line.SKU)
	case len(d.prices) > 0 && !slices.Contains(d.prices, line.Price):
		l.violates(I1, "%s has %s at %s, which was never its price", p, line.SKU, line.Price)
	}
}

// check holds the warehouse's table against the sums, and both against what was declared (I2).
func (s *shelf) check(shared *Shared, f *findings) {
	rows := make(map[string]StockRow, len(shared.Stock))
	for _, r := range shared.Stock {
		rows[r.SKU] = r
	}
	told := toldBy(shared.Changes)
	skus := map[string]bool{}
	for _, names := range []func(func(string) bool){maps.Keys(s.declared), maps.Keys(s.goods), maps.Keys(rows), maps.Keys(told)} {
		for sku := range names {
			skus[sku] = true
		}
	}
	for _, sku := range slices.Sorted(maps.Keys(skus)) {
		d := s.declared[sku]
		if d == nil {
			d = &declared{}
		}
		s.checkSKU(sku, d, rows[sku], told[sku], f)
	}
	if shared.Unfinished != shared.Counted {
		f.add(Effect, "", "the order service counts %d orders that have not ended, but has %d", shared.Counted, shared.Unfinished)
	}
	for _, p := range shared.Products {
		if d := s.declared[p.SKU]; d == nil {
			f.add(Effect, "", "the catalogue has %s, which nobody declared", p.SKU)
		} else if len(d.prices) > 0 && !slices.Contains(d.prices, p.Price) {
			f.add(Effect, "", "the catalogue has %s at %s, which was never declared", p.SKU, p.Price)
		}
	}
}

func (s *shelf) checkSKU(sku string, d *declared, row StockRow, told *journal, f *findings) {
	if told == nil {
		told = &journal{}
	}
	if told.received != d.received || told.damaged != d.damaged {
		f.add(I2, "", "%s: declared are %d received and %d damaged, the warehouse was told %d and %d", sku, d.received, d.damaged, told.received, told.damaged)
	}
	is := s.of(sku)
	onHand := d.received - is.held - is.dispatched - is.writtenOff
	if onHand < 0 {
		f.add(I2, "", "%s is oversold: %d received, but orders hold %d, took %d, and %d were written off", sku, d.received, is.held, is.dispatched, is.writtenOff)
	}
	want := StockRow{sku, d.received, onHand, is.held, is.dispatched, is.writtenOff, d.damaged - is.writtenOff}
	if row.SKU == "" {
		row.SKU = sku
	}
	if row != want {
		f.add(I2, "", "%s: the warehouse says %s, but the orders come to %s", sku, row, want)
	}
	if c := is.shortage; c != nil {
		if least := told.before(c.at) - is.requested; c.available < least {
			f.add(I2, "", "%s was refused to %s with %d available, but at least %d were", sku, c, c.available, least)
		}
	}
}

func (r StockRow) String() string {
	return fmt.Sprintf("received %d, on hand %d, reserved %d, dispatched %d, written off %d, damaged %d",
		r.Received, r.OnHand, r.Reserved, r.Dispatched, r.WrittenOff, r.Damaged)
}

// journal is what operators told the warehouse of one SKU.
type journal struct {
	received, damaged int64
	receipts          []ChangeRow
}

func toldBy(changes []ChangeRow) map[string]*journal {
	out := map[string]*journal{}
	for _, c := range changes {
		j := out[c.SKU]
		if j == nil {
			j = &journal{}
			out[c.SKU] = j
		}
		if c.Kind == "receipt" {
			j.received += c.Quantity
			j.receipts = append(j.receipts, c)
		} else {
			j.damaged += c.Quantity
		}
	}
	return out
}

// before is how much had arrived for certain by a time in Unix milliseconds.
func (j *journal) before(at int64) (sum int64) {
	for _, c := range j.receipts {
		if c.At.Add(slack).UnixMilli() < at {
			sum += c.Quantity
		}
	}
	return sum
}
