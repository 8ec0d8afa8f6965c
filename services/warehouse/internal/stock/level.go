// Package stock decides what happens to the warehouse's goods: pure functions over the levels of the SKUs and the holds of
// the orders that one batch touches. It knows no database, no broker and no clock.
//
// A refusal is an answer, not an error. An error means that a command makes no sense whatever the stock; everything is
// then as it was.
package stock

import (
	"fmt"
	"slices"
	"strings"
)

// Level is what the warehouse knows of one SKU, in units. Received = OnHand + Reserved + Dispatched + WrittenOff, and no
// number is ever negative (see Check).
type Level struct {
	SKU        string
	Received   int64 // ever
	OnHand     int64 // free to be reserved
	Reserved   int64 // held for orders
	Dispatched int64 // left the warehouse
	WrittenOff int64 // found damaged

	// Damaged units are among OnHand and Reserved: reported, but not yet found by whoever picks. A pick meets them first.
	Damaged int64
}

// Check returns an error that says which law of conservation the level breaks.
func (l Level) Check() error {
	for _, n := range []int64{l.Received, l.OnHand, l.Reserved, l.Dispatched, l.WrittenOff, l.Damaged} {
		if n < 0 {
			return fmt.Errorf("stock of %s is negative: %+v", l.SKU, l)
		}
	}
	if l.Received != l.OnHand+l.Reserved+l.Dispatched+l.WrittenOff {
		return fmt.Errorf("stock of %s does not add up: %+v", l.SKU, l)
	}
	if l.Damaged > l.OnHand+l.Reserved {
		return fmt.Errorf("more units of %s are damaged than there are: %+v", l.SKU, l)
	}
	return nil
}

// Levels are the levels of a batch, by SKU. A SKU that the warehouse never received is absent.
type Levels struct {
	bySKU   map[string]*Level
	fresh   map[string]struct{} // changed, and not stored yet
	changed map[string]struct{} // changed, and stored
}

// NewLevels returns the levels as they are stored.
func NewLevels(stored []Level) *Levels {
	l := &Levels{bySKU: make(map[string]*Level, len(stored)), fresh: map[string]struct{}{}, changed: map[string]struct{}{}}
	for i := range stored {
		l.bySKU[stored[i].SKU] = &stored[i]
	}
	return l
}

// Get returns the level of a SKU, and whether the warehouse knows it.
func (l *Levels) Get(sku string) (Level, bool) {
	level, ok := l.bySKU[sku]
	if !ok {
		return Level{SKU: sku}, false
	}
	return *level, true
}

// Unsaved returns the levels that are not stored yet, and those that are no longer as they were stored, by SKU.
func (l *Levels) Unsaved() (fresh, changed []Level) { return l.pick(l.fresh), l.pick(l.changed) }

func (l *Levels) pick(skus map[string]struct{}) []Level {
	out := make([]Level, 0, len(skus))
	for sku := range skus {
		out = append(out, *l.bySKU[sku])
	}
	slices.SortFunc(out, func(a, b Level) int { return strings.Compare(a.SKU, b.SKU) })
	return out
}

// change applies f to the level of a SKU, which begins at nothing.
func (l *Levels) change(sku string, f func(*Level)) {
	level, ok := l.bySKU[sku]
	if !ok {
		level = &Level{SKU: sku}
		l.bySKU[sku] = level
		l.fresh[sku] = struct{}{}
	}
	f(level)
	if _, fresh := l.fresh[sku]; !fresh {
		l.changed[sku] = struct{}{}
	}
}
