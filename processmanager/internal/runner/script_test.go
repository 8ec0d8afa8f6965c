package runner_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/messaging"
)

// script is all three participants in one machine: it answers commands from a table, which a test may change.
type script struct {
	mu      sync.Mutex
	answers map[string]answer // by wire type of the command
	seen    map[uuid.UUID][]messaging.Message
}

// answer is what a participant does with a command. A nil result leaves the command without an answer.
type answer struct {
	operation string
	undo      bool
	body      func(order uuid.UUID) any
}

// emitted is an event that the fence knows nothing of. cause is the command that it answers, or uuid.Nil.
type emitted struct {
	event any
	cause uuid.UUID
}

// outcome is that of a command that was left open.
type outcome struct {
	operation    string
	undo, failed bool // of a compensation; it failed for good
	event        any
}

// failure is the result of a compensation that fails for good.
type failure struct{ event any }

func newScript() *script {
	amount := contracts.Money{AmountMinor: 3998, Currency: "EUR"}
	do := func(operation string, body func(uuid.UUID) any) answer { return answer{operation, false, body} }
	undo := func(operation string, body func(uuid.UUID) any) answer { return answer{operation, true, body} }
	return &script{seen: map[uuid.UUID][]messaging.Message{}, answers: map[string]answer{
		contracts.ReserveStock{}.WireType(): do("stock", func(o uuid.UUID) any { return contracts.StockReserved{OrderID: o} }),
		contracts.ReleaseStock{}.WireType(): undo("stock", func(o uuid.UUID) any { return contracts.StockReleased{OrderID: o} }),
		contracts.AuthorizePayment{}.WireType(): do("authorization", func(o uuid.UUID) any {
			return contracts.PaymentAuthorized{OrderID: o, Amount: amount}
		}),
		contracts.VoidPayment{}.WireType(): undo("authorization", func(o uuid.UUID) any {
			return contracts.PaymentVoided{OrderID: o, Amount: amount}
		}),
		contracts.CapturePayment{}.WireType(): do("capture", func(o uuid.UUID) any {
			return contracts.PaymentCaptured{OrderID: o, Amount: amount}
		}),
		contracts.RefundPayment{}.WireType(): undo("capture", func(o uuid.UUID) any {
			return contracts.PaymentRefunded{OrderID: o, Amount: amount}
		}),
		contracts.DispatchOrder{}.WireType(): do("dispatch", func(o uuid.UUID) any {
			return contracts.OrderDispatched{OrderID: o, ShipmentID: "shipment"}
		}),
		contracts.CompleteOrder{}.WireType(): do("complete", func(o uuid.UUID) any { return contracts.OrderCompleted{OrderID: o} }),
		contracts.RejectOrder{}.WireType():   do("reject", func(o uuid.UUID) any { return contracts.OrderRejected{OrderID: o} }),
		contracts.CancelOrder{}.WireType():   do("cancel", func(o uuid.UUID) any { return contracts.OrderCancelled{OrderID: o} }),
	}}
}

// on changes the answer to a command; a nil body is silence.
func (s *script) on(command contracts.Message, body func(order uuid.UUID) any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.answers[command.WireType()]
	a.body = body
	s.answers[command.WireType()] = a
}

// commands returns what was received for an order, as type and attempt, in order.
func (s *script) commands(order uuid.UUID) (out []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.seen[order] {
		out = append(out, fmt.Sprintf("%s#%d", m.Type, m.Attempt))
	}
	return out
}

func (s *script) fence() messaging.FenceConfig {
	return messaging.FenceConfig{Codec: contracts.NewRegistry(), Source: "/services/participants"}
}

func (s *script) Load(ctx context.Context, tx pgx.Tx, in []messaging.Message) (*messaging.Fence, error) {
	return messaging.LoadFence(ctx, tx, s.fence(), in)
}

func (s *script) Decide(f *messaging.Fence, in messaging.Message, _ time.Time) ([]messaging.Message, error) {
	switch body := in.Body.(type) {
	case emitted:
		return []messaging.Message{f.Emit(in.Subject, body.cause, body.event)}, nil
	case outcome:
		op := messaging.Operation{Name: body.operation}
		if body.failed {
			return f.Fail(in.Subject, op, body.event)
		}
		return f.Answer(in.Subject, op, body.undo, body.event)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[in.Subject] = append(s.seen[in.Subject], in)
	a := s.answers[in.Type]
	op := messaging.Operation{Name: a.operation, Superseded: func(order uuid.UUID) any {
		return contracts.StockReservationRefused{OrderID: order, Reason: contracts.ReasonSuperseded}
	}}
	var failed *failure
	work := func() (any, error) {
		if a.body == nil {
			return nil, nil
		}
		result := a.body(in.Subject)
		if f, ok := result.(failure); ok {
			failed = &f
			return nil, nil
		}
		return result, nil
	}
	if !a.undo {
		return f.Do(in, op, work)
	}
	out, err := f.Undo(in, op, work)
	if err == nil && failed != nil {
		return f.Fail(in.Subject, op, failed.event)
	}
	return out, err
}

func (s *script) Save(ctx context.Context, tx pgx.Tx, f *messaging.Fence) error {
	return f.Save(ctx, tx)
}

func (s *script) Committed(*messaging.Fence) {}
