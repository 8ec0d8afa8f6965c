package ordering

import (
	"time"

	"github.com/google/uuid"
)

// Book is what one batch knows and changes of the orders.
type Book struct {
	Shipping int64 // what every new order pays beside its goods, in minor units of its currency

	catalogue Catalogue
	records   map[Key]Record
	orders    map[uuid.UUID]*Entry
	fresh     []*Placement
}

// Entry is a stored order that a batch may change.
type Entry struct {
	ID       uuid.UUID
	Customer string
	State
	loaded int64 // the version that is stored
}

// NewBook returns a book with these products, and no orders.
func NewBook(c Catalogue) *Book {
	return &Book{catalogue: c, records: map[Key]Record{}, orders: map[uuid.UUID]*Entry{}}
}

// AddRecord adds what a key stands for.
func (b *Book) AddRecord(k Key, r Record) { b.records[k] = r }

// AddOrder adds an order that is stored.
func (b *Book) AddOrder(id uuid.UUID, customer string, s State) {
	b.orders[id] = &Entry{ID: id, Customer: customer, State: s, loaded: s.Version}
}

// Place decides a placement and sets its Order. fresh is false where the key stands for an order already. Errors: *Error;
// then nothing changed.
func (b *Book) Place(p *Placement, now time.Time) (fresh bool, err error) {
	if r, ok := b.records[p.Key]; ok {
		p.Order, err = r.repeated(p)
		return false, err
	}
	if p.Order, err = p.place(b.catalogue, b.Shipping, now); err != nil {
		return false, err
	}
	b.records[p.Key] = Record{Fingerprint: p.Fingerprint, Order: p.Order}
	b.fresh = append(b.fresh, p)
	return true, nil
}

// Order returns a stored order of the batch.
func (b *Book) Order(id uuid.UUID) (*Entry, bool) {
	e, ok := b.orders[id]
	return e, ok
}

// Fresh returns the placements that became orders.
func (b *Book) Fresh() []*Placement { return b.fresh }

// Changed returns the orders whose State is not what is stored, in no order.
func (b *Book) Changed() []*Entry {
	var changed []*Entry
	for _, e := range b.orders {
		if e.Version != e.loaded {
			changed = append(changed, e)
		}
	}
	return changed
}
