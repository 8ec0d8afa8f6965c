package stock

import (
	"bytes"
	"slices"

	"github.com/google/uuid"

	"ordersaga.internal/contracts"
)

// HoldState is what became of a hold.
type HoldState string

// The states of a hold. The last two are final.
const (
	Held       HoldState = "held"
	Released   HoldState = "released"
	Dispatched HoldState = "dispatched"
)

// Hold is what one order holds, or held at last.
type Hold struct {
	OrderID uuid.UUID
	State   HoldState
	Lines   []contracts.Line // each SKU once; a unit that was written off is in no line
}

// Holds are the holds of a batch, by order. An order that never held anything is absent.
type Holds struct {
	byOrder map[uuid.UUID]Hold
	changed map[uuid.UUID]struct{}
}

// NewHolds returns the holds as they are stored.
func NewHolds(stored []Hold) *Holds {
	h := &Holds{byOrder: make(map[uuid.UUID]Hold, len(stored)), changed: map[uuid.UUID]struct{}{}}
	for _, hold := range stored {
		h.byOrder[hold.OrderID] = hold
	}
	return h
}

// Get returns the hold of an order, and whether there ever was one.
func (h *Holds) Get(order uuid.UUID) (Hold, bool) {
	hold, ok := h.byOrder[order]
	return hold, ok
}

// Unsaved returns the holds that are no longer as they were stored, by order.
func (h *Holds) Unsaved() []Hold {
	out := make([]Hold, 0, len(h.changed))
	for order := range h.changed {
		out = append(out, h.byOrder[order])
	}
	slices.SortFunc(out, func(a, b Hold) int { return bytes.Compare(a.OrderID[:], b.OrderID[:]) })
	return out
}

func (h *Holds) put(hold Hold) {
	h.byOrder[hold.OrderID] = hold
	h.changed[hold.OrderID] = struct{}{}
}
