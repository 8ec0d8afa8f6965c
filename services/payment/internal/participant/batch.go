package participant

import (
	"bytes"
	"slices"

	"github.com/google/uuid"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/services/payment/internal/payments"
)

// Batch is all that one transaction touches.
type Batch struct {
	fence  *messaging.Fence
	orders map[uuid.UUID]*entry
}

// entry is an order as it was loaded and as it is now.
type entry struct{ was, is payments.Order }

func newBatch(fence *messaging.Fence, operations []payments.Operation) *Batch {
	b := &Batch{fence: fence, orders: make(map[uuid.UUID]*entry, len(operations))}
	for _, op := range operations {
		e := b.orders[op.Order]
		if e == nil {
			e = &entry{}
			b.orders[op.Order] = e
		}
		*e.was.Of(op.Kind), *e.is.Of(op.Kind) = op, op
	}
	return b
}

// order returns a copy: Decide changes it and gives it back only when nothing failed.
func (b *Batch) order(id uuid.UUID) payments.Order {
	if e := b.orders[id]; e != nil {
		return e.is
	}
	return payments.Order{}
}

func (b *Batch) change(id uuid.UUID, next payments.Order) {
	e := b.orders[id]
	if e == nil {
		if next == (payments.Order{}) {
			return
		}
		e = &entry{}
		b.orders[id] = e
	}
	e.is = next
}

// dirty returns what is new and what changed, each in primary-key order.
func (b *Batch) dirty() (fresh, changed []payments.Operation) {
	for _, id := range b.ids() {
		e := b.orders[id]
		for _, k := range []payments.Kind{payments.Authorization, payments.Capture} {
			was, is := e.was.Of(k), e.is.Of(k)
			switch {
			case *was == *is:
			case was.State == payments.Absent:
				fresh = append(fresh, *is)
			default:
				changed = append(changed, *is)
			}
		}
	}
	return fresh, changed
}

// calls returns the operations that this batch opened, for the replica to call for.
func (b *Batch) calls(replica string) []payments.Operation {
	var out []payments.Operation
	for _, e := range b.orders {
		for _, k := range []payments.Kind{payments.Authorization, payments.Capture} {
			if is := e.is.Of(k); is.Open() && is.LeasedBy == replica && *is != *e.was.Of(k) {
				out = append(out, *is)
			}
		}
	}
	return out
}

func (b *Batch) ids() []uuid.UUID {
	ids := make([]uuid.UUID, 0, len(b.orders))
	for id := range b.orders {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return ids
}
