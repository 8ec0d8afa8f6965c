// Package messages is the middle of the order service's machine: what it does with commands from the process manager and
// with requests that came over HTTP.
package messages

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/services/order/internal/ordering"
	"ordersaga.internal/services/order/internal/store"
)

// CancellationRequest is a customer's wish to cancel an order. It is submitted as a pointer.
type CancellationRequest struct{ Customer string }

// The operations of the fence. None of them is ever undone.
var (
	complete = messaging.Operation{Name: "complete"}
	reject   = messaging.Operation{Name: "reject"}
	cancel   = messaging.Operation{Name: "cancel"}
)

// Source is the service's name in ce_source.
const Source = "/services/order"

// Observer is told what was committed. It must not block.
type Observer interface {
	Placed(n int)
	Changed(id uuid.UUID, s ordering.State)
}

// Handler is a messaging.Handler.
type Handler struct {
	fence      messaging.FenceConfig
	publishing Publishing
	observer   Observer
}

// NewHandler returns a handler that speaks as publishing says and reports to observer.
func NewHandler(codec Codec, publishing Publishing, observer Observer) *Handler {
	return &Handler{fence: messaging.FenceConfig{Codec: codec, Source: Source}, publishing: publishing, observer: observer}
}

// Batch is all that one batch touches.
type Batch struct {
	book  *ordering.Book
	fence *messaging.Fence
}

// Load reads prices and what keys stand for, and locks orders, then what is remembered of them.
func (h *Handler) Load(ctx context.Context, tx pgx.Tx, in []messaging.Message) (*Batch, error) {
	book, err := store.Load(ctx, tx, wanted(in))
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	fence, err := messaging.LoadFence(ctx, tx, h.fence, in)
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	book.Shipping = h.publishing.Shipping
	return &Batch{book: book, fence: fence}, nil
}

func wanted(in []messaging.Message) store.Wanted {
	var w store.Wanted
	skus := make(map[string]struct{})
	orders := make(map[uuid.UUID]struct{})
	for i := range in {
		p, ok := in[i].Body.(*ordering.Placement)
		if !ok {
			if _, ok := orders[in[i].Subject]; !ok {
				orders[in[i].Subject] = struct{}{}
				w.Orders = append(w.Orders, in[i].Subject)
			}
			continue
		}
		w.Keys = append(w.Keys, p.Key)
		for _, line := range p.Lines {
			if _, ok := skus[line.SKU]; !ok {
				skus[line.SKU] = struct{}{}
				w.SKUs = append(w.SKUs, line.SKU)
			}
		}
	}
	return w
}

// Decide is pure.
func (h *Handler) Decide(b *Batch, in messaging.Message, now time.Time) ([]messaging.Message, error) {
	out, err := h.decide(b, in, now)
	return h.publishing.with(out, now), err
}

func (h *Handler) decide(b *Batch, in messaging.Message, now time.Time) ([]messaging.Message, error) {
	switch c := in.Body.(type) {
	case *ordering.Placement:
		return h.place(b, in, c, now)
	case *CancellationRequest:
		return b.requestCancellation(in, c)
	case contracts.CompleteOrder:
		return b.end(in, complete, func(s *ordering.State) (any, bool, error) {
			declined, err := s.Complete(now)
			return contracts.OrderCompleted{OrderID: in.Subject}, declined, err
		})
	case contracts.RejectOrder:
		return b.end(in, reject, func(s *ordering.State) (any, bool, error) {
			declined, err := s.Reject(c.Step, c.Reason, now)
			return contracts.OrderRejected{OrderID: in.Subject, Step: c.Step, Reason: c.Reason}, declined, err
		})
	case contracts.CancelOrder:
		return b.end(in, cancel, func(s *ordering.State) (any, bool, error) {
			return contracts.OrderCancelled{OrderID: in.Subject}, false, s.Cancel(now)
		})
	}
	return nil, messaging.Unhandled(in)
}

// place emits OrderPlaced for a new order, and nothing for the repetition of a request.
func (h *Handler) place(b *Batch, in messaging.Message, p *ordering.Placement, now time.Time) ([]messaging.Message, error) {
	fresh, err := b.book.Place(p, now)
	if err != nil || !fresh {
		return nil, err
	}
	o := &p.Order
	return []messaging.Message{b.fence.Emit(in.Subject, uuid.Nil, h.publishing.placed(contracts.OrderPlacedV2{
		OrderID: o.ID, CustomerID: o.Customer, Lines: o.Lines, Price: o.Price(),
		PaymentMethod: o.PaymentMethod, ShipTo: o.ShipTo,
	}))}, nil
}

func (b *Batch) requestCancellation(in messaging.Message, c *CancellationRequest) ([]messaging.Message, error) {
	order, ok := b.book.Order(in.Subject)
	if !ok || order.Customer != c.Customer {
		return nil, &ordering.Error{Code: ordering.NotFound, Detail: "you have no such order"}
	}
	changed, err := order.RequestCancellation()
	if err != nil || !changed {
		return nil, err
	}
	return []messaging.Message{
		b.fence.Emit(in.Subject, uuid.Nil, contracts.OrderCancellationRequested{OrderID: in.Subject}),
	}, nil
}

// end does a command that makes the order final. Where a requested cancellation comes to nothing by it, that is said
// first, so that the answer is the last event of every order.
func (b *Batch) end(in messaging.Message, op messaging.Operation, work func(*ordering.State) (answer any, declined bool, err error)) ([]messaging.Message, error) {
	var out []messaging.Message
	answers, err := b.fence.Do(in, op, func() (any, error) {
		order, ok := b.book.Order(in.Subject)
		if !ok {
			return nil, fmt.Errorf("%s: there is no order %s", op.Name, in.Subject)
		}
		answer, declined, err := work(&order.State)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", op.Name, err)
		}
		if declined {
			out = append(out, b.fence.Emit(in.Subject, in.ID, contracts.OrderCancellationDeclined{OrderID: in.Subject}))
		}
		return answer, nil
	})
	if err != nil {
		return nil, err
	}
	return append(out, answers...), nil
}

// Save stores what changed.
func (h *Handler) Save(ctx context.Context, tx pgx.Tx, b *Batch) error {
	if err := store.Save(ctx, tx, b.book); err != nil {
		return fmt.Errorf("save: %w", err)
	}
	if err := b.fence.Save(ctx, tx); err != nil {
		return fmt.Errorf("save: %w", err)
	}
	return nil
}

// Committed reports what happened to orders.
func (h *Handler) Committed(b *Batch) {
	if n := len(b.book.Fresh()); n > 0 {
		h.observer.Placed(n)
	}
	for _, order := range b.book.Changed() {
		h.observer.Changed(order.ID, order.State)
	}
}
