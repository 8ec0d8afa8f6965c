package stock

import (
	"errors"
	"fmt"
)

// Change is what an operator tells the warehouse, once for each key.
type Change struct {
	Operator string // who
	Key      string // the operator's idempotency key
	Kind     Kind
	SKU      string
	Quantity int64 // from 1 to MaxChange
}

// Kind of a change.
type Kind string

// The kinds.
const (
	Receipt Kind = "receipt" // units arrived; the first creates the SKU
	Damage  Kind = "damage"  // units are damaged; they are found when picked
)

// MaxChange is the largest quantity of one change, and MaxReceived what can ever be received of a SKU: far from where
// integers of any reader end.
const (
	MaxChange   = 1_000_000
	MaxReceived = 1_000_000_000_000
)

// What can be wrong with a change.
var (
	ErrUnknownSKU    = errors.New("the warehouse never received this SKU")
	ErrTooMuchDamage = errors.New("more units damaged than there are")
	ErrTooMuchStock  = errors.New("more units received than the warehouse can count")
	ErrKeyReused     = errors.New("the idempotency key belongs to another change")
)

// Entry is a change and the level that it led to, which is its answer.
type Entry struct {
	Change
	Level Level
}

// Ref names a change: each operator's keys are their own.
type Ref struct{ Operator, Key string }

// Ref returns the change's name.
func (c Change) Ref() Ref { return Ref{c.Operator, c.Key} }

// Journal is what operators told the warehouse before, as far as a batch asks for it.
type Journal struct {
	entries map[Ref]Entry
	fresh   []Entry
}

// NewJournal returns the journal with the entries as they are stored.
func NewJournal(stored []Entry) *Journal {
	j := &Journal{entries: make(map[Ref]Entry, len(stored))}
	for _, e := range stored {
		j.entries[e.Ref()] = e
	}
	return j
}

// Unsaved returns the entries that are not stored yet, in order of writing.
func (j *Journal) Unsaved() []Entry { return j.fresh }

// Apply makes the change and returns the level after it; of a repeated change, the level then. Errors: ErrUnknownSKU,
// ErrTooMuchDamage, ErrTooMuchStock, ErrKeyReused.
func Apply(levels *Levels, j *Journal, c Change) (Level, error) {
	if e, ok := j.entries[c.Ref()]; ok {
		if e.Change != c {
			return Level{}, ErrKeyReused
		}
		return e.Level, nil
	}
	if err := c.apply(levels); err != nil {
		return Level{}, err
	}
	level, _ := levels.Get(c.SKU)
	e := Entry{Change: c, Level: level}
	j.entries[c.Ref()] = e
	j.fresh = append(j.fresh, e)
	return level, nil
}

func (c Change) apply(levels *Levels) error {
	if c.Quantity < 1 || c.Quantity > MaxChange {
		return fmt.Errorf("%w: quantity %d", ErrNonsense, c.Quantity)
	}
	level, known := levels.Get(c.SKU)
	switch c.Kind {
	case Receipt:
		if c.Quantity > MaxReceived-level.Received {
			return fmt.Errorf("%w: %s", ErrTooMuchStock, c.SKU)
		}
		levels.change(c.SKU, func(l *Level) {
			l.Received += c.Quantity
			l.OnHand += c.Quantity
		})
	case Damage:
		if !known {
			return fmt.Errorf("%w: %s", ErrUnknownSKU, c.SKU)
		}
		if c.Quantity > level.OnHand+level.Reserved-level.Damaged {
			return fmt.Errorf("%w: %s", ErrTooMuchDamage, c.SKU)
		}
		levels.change(c.SKU, func(l *Level) { l.Damaged += c.Quantity })
	default:
		return fmt.Errorf("%w: kind %q", ErrNonsense, c.Kind)
	}
	return nil
}
