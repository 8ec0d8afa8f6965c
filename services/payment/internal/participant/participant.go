// Package participant is the payment service's middle of the machine: it turns commands into intents, and the provider's
// answers into events.
package participant

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/services/payment/internal/payments"
	"ordersaga.internal/services/payment/internal/store"
)

// Service is the name of the service: its consumer group, and its messages' source.
const Service = "payment"

// The operations of the fence.
var (
	authorization = messaging.Operation{Name: string(payments.Authorization), Superseded: func(order uuid.UUID) any {
		return contracts.PaymentDeclined{OrderID: order, Reason: contracts.ReasonSuperseded}
	}}
	capture = messaging.Operation{Name: string(payments.Capture), Superseded: func(order uuid.UUID) any {
		return contracts.PaymentCaptureRefused{OrderID: order, Reason: contracts.ReasonSuperseded}
	}}
)

// Config of a Handler.
type Config struct {
	Replica string        // holds the leases of what this process commits. Required.
	Lease   time.Duration // how long others leave an intent to the replica that committed it. Default 20 s.
}

// Handler implements messaging.Handler.
type Handler struct {
	config Config
	fence  messaging.FenceConfig
	call   func([]payments.Operation)
}

var (
	_ messaging.Handler[*Batch] = (*Handler)(nil)
	_ messaging.Superseder      = (*Handler)(nil)
)

// New returns a handler. call takes the intents that were committed, to call the provider for them; it must not block.
func New(codec messaging.Codec, c Config, call func([]payments.Operation)) *Handler {
	if c.Lease <= 0 {
		c.Lease = 20 * time.Second
	}
	return &Handler{
		config: c, call: call,
		fence: messaging.FenceConfig{Codec: codec, Source: "/services/" + Service},
	}
}

// Load implements messaging.Handler.
func (h *Handler) Load(ctx context.Context, tx pgx.Tx, in []messaging.Message) (*Batch, error) {
	operations, err := store.Load(ctx, tx, messaging.Subjects(in))
	if err != nil {
		return nil, err
	}
	fence, err := messaging.LoadFence(ctx, tx, h.fence, in)
	if err != nil {
		return nil, err
	}
	return newBatch(fence, operations), nil
}

// Decide implements messaging.Handler.
func (h *Handler) Decide(b *Batch, in messaging.Message, now time.Time) ([]messaging.Message, error) {
	next := b.order(in.Subject)
	by := payments.Command{
		ID: in.ID, Traceparent: in.Traceparent, Tracestate: in.Tracestate,
		Lease: payments.Lease{Replica: h.config.Replica, Until: now.Add(h.config.Lease)},
	}
	var out []messaging.Message
	var err error
	switch c := in.Body.(type) {
	case contracts.AuthorizePayment:
		out, err = b.fence.Do(in, authorization, func() (any, error) { return next.Authorize(c, by) })
	case contracts.CapturePayment:
		out, err = b.fence.Do(in, capture, func() (any, error) { return next.Take(c, by) })
	case contracts.VoidPayment:
		out, err = b.fence.Undo(in, authorization, reverse(&next, in.Subject, payments.Authorization, by))
	case contracts.RefundPayment:
		out, err = b.fence.Undo(in, capture, reverse(&next, in.Subject, payments.Capture, by))
	case payments.Answered:
		out, err = answer(b.fence, &next, c)
	case payments.Unanswered:
		next.Wait(c, now)
	case payments.Prepared:
		err = next.Prepare(c)
	case payments.Surfaced:
		next.Surface(c, by)
	default:
		return nil, messaging.Unhandled(in)
	}
	if err != nil {
		return nil, err
	}
	b.change(in.Subject, next)
	return out, nil
}

func reverse(next *payments.Order, order uuid.UUID, k payments.Kind, by payments.Command) func() (any, error) {
	return func() (any, error) { return next.Reverse(order, k, by), nil }
}

// answer turns the provider's answer into the event that the saga waits for.
func answer(fence *messaging.Fence, next *payments.Order, a payments.Answered) ([]messaging.Message, error) {
	op := authorization
	if a.Kind == payments.Capture {
		op = capture
	}
	body, undo := next.Answer(a)
	switch {
	case body == nil:
		return nil, nil
	case next.Of(a.Kind).State == payments.UndoFailed:
		return fence.Fail(a.Order, op, body)
	}
	return fence.Answer(a.Order, op, undo, body)
}

// Save implements messaging.Handler.
func (h *Handler) Save(ctx context.Context, tx pgx.Tx, b *Batch) error {
	fresh, changed := b.dirty()
	if err := store.Save(ctx, tx, fresh, changed); err != nil {
		return err
	}
	return b.fence.Save(ctx, tx)
}

// Committed implements messaging.Handler: the intents of this batch are called for.
func (h *Handler) Committed(b *Batch) {
	if calls := b.calls(h.config.Replica); len(calls) > 0 {
		h.call(calls)
	}
}

// Supersedes implements messaging.Superseder: who undoes a payment no longer wants it, nor what would come after it.
func (h *Handler) Supersedes(in messaging.Message) []string {
	switch in.Body.(type) {
	case contracts.VoidPayment, contracts.RefundPayment:
		return []string{"AuthorizePayment", "CapturePayment"}
	}
	return nil
}
