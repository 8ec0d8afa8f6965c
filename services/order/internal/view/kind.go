package view

// Kind is a kind of event, and the column of its time.
type Kind int

// The kinds, by source and in the order of the saga.
const (
	OrderPlaced Kind = iota
	OrderCancellationRequested
	OrderCancellationDeclined
	OrderCompleted
	OrderRejected
	OrderCancelled
	PaymentAuthorized
	PaymentDeclined
	PaymentCaptured
	PaymentCaptureRefused
	PaymentVoided
	PaymentVoidFailed
	PaymentRefunded
	PaymentRefundFailed
	StockReserved
	StockReservationRefused
	StockReleased
	OrderDispatched
	DispatchRefused
	Kinds // how many there are
)

var names = [Kinds]string{
	"OrderPlaced", "OrderCancellationRequested", "OrderCancellationDeclined", "OrderCompleted", "OrderRejected", "OrderCancelled",
	"PaymentAuthorized", "PaymentDeclined", "PaymentCaptured", "PaymentCaptureRefused", "PaymentVoided", "PaymentVoidFailed",
	"PaymentRefunded", "PaymentRefundFailed",
	"StockReserved", "StockReservationRefused", "StockReleased", "OrderDispatched", "DispatchRefused",
}

// String is the event's name on the wire, without version.
func (k Kind) String() string { return names[k] }
