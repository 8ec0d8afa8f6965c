package fulfilment

import (
	"time"

	"github.com/google/uuid"
	"ordersaga.internal/contracts"
	"ordersaga.internal/processmanager/saga"
)

// V1 is the order saga: stock, money, parcel; or everything undone and the customer told.
var V1 = saga.Define(saga.Definition[Order]{
	Name: "fulfilment", Version: 1,
	Start:   saga.On(start),
	Cancel:  contracts.OrderCancellationRequested{},
	Ignored: []saga.Message{contracts.OrderCancellationDeclined{}},
	Steps: []saga.Step[Order]{{
		// First, so that an order that cannot be filled never touches a card.
		Name: "reserve stock", Kind: saga.Compensatable, Resend: 10 * time.Second, Timeout: time.Minute,
		Do: reserve, Done: contracts.StockReserved{}, Refused: contracts.StockReservationRefused{},
		Undo: release, Undone: contracts.StockReleased{},
	}, {
		Name: "authorize payment", Kind: saga.Compensatable, Resend: 10 * time.Second, Timeout: time.Minute,
		Do: authorize, Done: contracts.PaymentAuthorized{}, Refused: contracts.PaymentDeclined{},
		Undo: void, Undone: contracts.PaymentVoided{}, UndoFailed: contracts.PaymentVoidFailed{},
	}, {
		Name: "capture payment", Kind: saga.Compensatable, Resend: 10 * time.Second, Timeout: time.Minute,
		Do: capture, Done: contracts.PaymentCaptured{}, Refused: contracts.PaymentCaptureRefused{},
		Undo: refund, Undone: contracts.PaymentRefunded{}, UndoFailed: contracts.PaymentRefundFailed{},
	}, {
		Name: "dispatch", Kind: saga.Pivot, Resend: 10 * time.Second,
		Do: dispatch, Done: contracts.OrderDispatched{}, Refused: contracts.DispatchRefused{},
	}, {
		Name: "complete", Kind: saga.Retriable, Resend: 10 * time.Second,
		Do: complete, Done: contracts.OrderCompleted{},
	}},
	Rejected:  saga.End[Order]{Do: reject, Done: contracts.OrderRejected{}},
	Cancelled: saga.End[Order]{Do: cancel, Done: contracts.OrderCancelled{}},
})

// Order is what the commands are made from.
type Order struct {
	ID            uuid.UUID        `json:"id"`
	CustomerID    string           `json:"customer_id"`
	Lines         []contracts.Line `json:"lines"`
	Total         contracts.Money  `json:"total"`
	PaymentMethod string           `json:"payment_method"`
	ShipTo        string           `json:"ship_to"`
}

func start(e contracts.OrderPlacedV2) Order {
	lines := make([]contracts.Line, len(e.Lines))
	for i, l := range e.Lines {
		lines[i] = contracts.Line{SKU: l.SKU, Quantity: l.Quantity}
	}
	return Order{
		ID: e.OrderID, CustomerID: e.CustomerID, Lines: lines, Total: e.Price.Total, PaymentMethod: e.PaymentMethod,
		ShipTo: e.ShipTo,
	}
}

func reserve(o Order) saga.Message { return contracts.ReserveStock{OrderID: o.ID, Lines: o.Lines} }
func release(o Order) saga.Message { return contracts.ReleaseStock{OrderID: o.ID} }

func authorize(o Order) saga.Message {
	return contracts.AuthorizePayment{OrderID: o.ID, CustomerID: o.CustomerID, Amount: o.Total, PaymentMethod: o.PaymentMethod}
}
func void(o Order) saga.Message { return contracts.VoidPayment{OrderID: o.ID} }

func capture(o Order) saga.Message { return contracts.CapturePayment{OrderID: o.ID, Amount: o.Total} }
func refund(o Order) saga.Message  { return contracts.RefundPayment{OrderID: o.ID} }

func dispatch(o Order) saga.Message {
	return contracts.DispatchOrder{OrderID: o.ID, Lines: o.Lines, ShipTo: o.ShipTo}
}
func complete(o Order) saga.Message { return contracts.CompleteOrder{OrderID: o.ID} }

func reject(o Order, f saga.Failure) saga.Message {
	return contracts.RejectOrder{OrderID: o.ID, Step: f.Step, Reason: contracts.Reason(f.Reason)}
}
func cancel(o Order, _ saga.Failure) saga.Message { return contracts.CancelOrder{OrderID: o.ID} }
