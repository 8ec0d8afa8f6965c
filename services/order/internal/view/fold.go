package view

import (
	"fmt"
	"time"

	"ordersaga.internal/contracts"
)

// Event is what a row is made of.
type Event struct {
	Source   string // ce_source
	Sequence int64  // ce_sequence
	Time     time.Time
	Body     any
}

// Apply takes an event into the row and tells whether that changed it: a repetition does not. Of an event that has no column,
// such as an answer that no customer needs to hear of, only the version is taken. Errors: an event of a source that the read
// model does not know; the row is as it was.
func (r *Row) Apply(e Event) (changed bool, err error) {
	source, ok := sourceOf(e.Source)
	if !ok {
		return false, fmt.Errorf("%T of %q: the read model knows no such source", e.Body, e.Source)
	}
	if e.Sequence <= r.Versions[source] {
		return false, nil
	}
	if kind, ok := r.take(e.Body); ok {
		r.At[kind] = e.Time
	}
	r.Versions[source] = e.Sequence
	return true, nil
}

func sourceOf(name string) (int, bool) {
	switch name {
	case "/services/order":
		return Order, true
	case "/services/payment":
		return Payment, true
	case "/services/warehouse":
		return Warehouse, true
	}
	return 0, false
}

// take sets the columns of one kind.
func (r *Row) take(body any) (Kind, bool) {
	switch e := body.(type) {
	case contracts.OrderPlacedV2:
		r.Customer, r.Total = e.CustomerID, e.Price.Total
		return OrderPlaced, true
	case contracts.OrderCancellationRequested:
		return OrderCancellationRequested, true
	case contracts.OrderCancellationDeclined:
		return OrderCancellationDeclined, true
	case contracts.OrderCompleted:
		return OrderCompleted, true
	case contracts.OrderRejected:
		r.Step, r.Reason = e.Step, e.Reason
		return OrderRejected, true
	case contracts.OrderCancelled:
		return OrderCancelled, true
	}
	if kind, ok := r.takePayment(body); ok {
		return kind, true
	}
	return r.takeParcel(body)
}

func (r *Row) takePayment(body any) (Kind, bool) {
	switch e := body.(type) {
	case contracts.PaymentAuthorized:
		r.Authorized = e.Amount
		return PaymentAuthorized, true
	case contracts.PaymentDeclined:
		r.Decline = e.Reason
		return PaymentDeclined, true
	case contracts.PaymentCaptured:
		r.Captured = e.Amount
		return PaymentCaptured, true
	case contracts.PaymentCaptureRefused:
		r.CaptureRefusal = e.Reason
		return PaymentCaptureRefused, true
	case contracts.PaymentVoided:
		r.Voided = e.Amount
		return PaymentVoided, true
	case contracts.PaymentVoidFailed:
		return PaymentVoidFailed, true
	case contracts.PaymentRefunded:
		r.Refunded = e.Amount
		return PaymentRefunded, true
	case contracts.PaymentRefundFailed:
		return PaymentRefundFailed, true
	}
	return 0, false
}

func (r *Row) takeParcel(body any) (Kind, bool) {
	switch e := body.(type) {
	case contracts.StockReserved:
		return StockReserved, true
	case contracts.StockReservationRefused:
		r.StockRefusal = e.Reason
		return StockReservationRefused, true
	case contracts.StockReleased:
		return StockReleased, true
	case contracts.OrderDispatched:
		r.Shipment = e.ShipmentID
		return OrderDispatched, true
	case contracts.DispatchRefused:
		r.DispatchRefusal = e.Reason
		return DispatchRefused, true
	}
	return 0, false
}
