package exploration

import (
	"fmt"

	"github.com/google/uuid"
	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/processmanager/saga"
	"ordersaga.internal/processmanager/saga/explore"
)

// orders is the order service, as services/order/internal/ordering keeps the one order.
type orders struct {
	status       saga.State // placed, completed, rejected, cancelled
	cancellation string     // "", requested, declined
}

const placed saga.State = "placed"

func (o orders) take(c saga.Message) (messaging.Operation, bool, []way[orders]) {
	ending := func(name string, as saga.State, answer any) (messaging.Operation, bool, []way[orders]) {
		return messaging.Operation{Name: name}, false, []way[orders]{{
			work: func(o *orders, f *messaging.Fence) ([]messaging.Message, any, error) {
				events, err := o.end(as, f)
				return events, answer, err
			},
		}}
	}
	switch c := c.(type) {
	case contracts.CompleteOrder:
		return ending("complete", saga.Completed, contracts.OrderCompleted{OrderID: order})
	case contracts.RejectOrder:
		return ending("reject", saga.Rejected, contracts.OrderRejected{OrderID: order, Step: c.Step, Reason: c.Reason})
	case contracts.CancelOrder:
		return ending("cancel", saga.Cancelled, contracts.OrderCancelled{OrderID: order})
	default:
		panic("the order service does not take " + c.WireType())
	}
}

// end ends the order. A requested cancellation that comes to nothing by it is declined first.
func (o *orders) end(as saga.State, f *messaging.Fence) ([]messaging.Message, error) {
	if o.status != placed {
		return nil, fmt.Errorf("one outcome: the order cannot become %s, it is %s", as, o.status)
	}
	o.status = as
	if o.cancellation != "requested" || as == saga.Cancelled {
		return nil, nil
	}
	o.cancellation = "declined"
	return []messaging.Message{f.Emit(order, uuid.Nil, contracts.OrderCancellationDeclined{OrderID: order})}, nil
}

// moves: the customer may ask to cancel, once.
func (o orders) moves() []move[orders] {
	if o.status != placed || o.cancellation != "" {
		return nil
	}
	return []move[orders]{{
		text: "the customer asks to cancel", cost: explore.Choice,
		act: func(o *orders, f *messaging.Fence) ([]messaging.Message, error) {
			o.cancellation = "requested"
			return []messaging.Message{f.Emit(order, uuid.Nil, contracts.OrderCancellationRequested{OrderID: order})}, nil
		},
	}}
}
