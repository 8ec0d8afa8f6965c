package view

import (
	"bytes"
	"slices"

	"github.com/google/uuid"
)

// Book is the rows that a batch of events touches.
type Book struct {
	rows    map[uuid.UUID]*Row
	changed map[uuid.UUID]struct{}
}

// NewBook returns a book without rows.
func NewBook() *Book {
	return &Book{rows: map[uuid.UUID]*Row{}, changed: map[uuid.UUID]struct{}{}}
}

// Add adds a row as it is stored.
func (b *Book) Add(r *Row) { b.rows[r.ID] = r }

// Row returns an order's row, or nil.
func (b *Book) Row(order uuid.UUID) *Row { return b.rows[order] }

// Apply takes an event of an order. Errors: as Row.Apply.
func (b *Book) Apply(order uuid.UUID, e Event) error {
	r := b.rows[order]
	if r == nil {
		r = &Row{ID: order}
	}
	changed, err := r.Apply(e)
	if changed {
		b.rows[order], b.changed[order] = r, struct{}{}
	}
	return err
}

// Changed returns the rows that are not as they are stored, by order id.
func (b *Book) Changed() []*Row {
	rows := make([]*Row, 0, len(b.changed))
	for id := range b.changed {
		rows = append(rows, b.rows[id])
	}
	slices.SortFunc(rows, func(a, b *Row) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return rows
}
