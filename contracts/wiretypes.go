package contracts

import "github.com/google/uuid"

// The wire types. A type without a suffix is version 1.

// WireType is the name on the wire.
func (OrderPlaced) WireType() string { return "OrderPlaced.v1" }

// WireType is the name on the wire.
func (OrderPlacedV2) WireType() string { return "OrderPlaced.v2" }

// WireType is the name on the wire.
func (OrderCancellationRequested) WireType() string { return "OrderCancellationRequested.v1" }

// WireType is the name on the wire.
func (OrderCancellationDeclined) WireType() string { return "OrderCancellationDeclined.v1" }

// WireType is the name on the wire.
func (OrderCompleted) WireType() string { return "OrderCompleted.v1" }

// WireType is the name on the wire.
func (OrderRejected) WireType() string { return "OrderRejected.v1" }

// WireType is the name on the wire.
func (OrderCancelled) WireType() string { return "OrderCancelled.v1" }

// WireType is the name on the wire.
func (CompleteOrder) WireType() string { return "CompleteOrder.v1" }

// WireType is the name on the wire.
func (RejectOrder) WireType() string { return "RejectOrder.v1" }

// WireType is the name on the wire.
func (CancelOrder) WireType() string { return "CancelOrder.v1" }

// WireType is the name on the wire.
func (AuthorizePayment) WireType() string { return "AuthorizePayment.v1" }

// WireType is the name on the wire.
func (CapturePayment) WireType() string { return "CapturePayment.v1" }

// WireType is the name on the wire.
func (VoidPayment) WireType() string { return "VoidPayment.v1" }

// WireType is the name on the wire.
func (RefundPayment) WireType() string { return "RefundPayment.v1" }

// WireType is the name on the wire.
func (PaymentAuthorized) WireType() string { return "PaymentAuthorized.v1" }

// WireType is the name on the wire.
func (PaymentDeclined) WireType() string { return "PaymentDeclined.v1" }

// WireType is the name on the wire.
func (PaymentCaptured) WireType() string { return "PaymentCaptured.v1" }

// WireType is the name on the wire.
func (PaymentCaptureRefused) WireType() string { return "PaymentCaptureRefused.v1" }

// WireType is the name on the wire.
func (PaymentVoided) WireType() string { return "PaymentVoided.v1" }

// WireType is the name on the wire.
func (PaymentVoidFailed) WireType() string { return "PaymentVoidFailed.v1" }

// WireType is the name on the wire.
func (PaymentRefunded) WireType() string { return "PaymentRefunded.v1" }

// WireType is the name on the wire.
func (PaymentRefundFailed) WireType() string { return "PaymentRefundFailed.v1" }

// WireType is the name on the wire.
func (ReserveStock) WireType() string { return "ReserveStock.v1" }

// WireType is the name on the wire.
func (ReleaseStock) WireType() string { return "ReleaseStock.v1" }

// WireType is the name on the wire.
func (DispatchOrder) WireType() string { return "DispatchOrder.v1" }

// WireType is the name on the wire.
func (StockReserved) WireType() string { return "StockReserved.v1" }

// WireType is the name on the wire.
func (StockReservationRefused) WireType() string { return "StockReservationRefused.v1" }

// WireType is the name on the wire.
func (StockReleased) WireType() string { return "StockReleased.v1" }

// WireType is the name on the wire.
func (OrderDispatched) WireType() string { return "OrderDispatched.v1" }

// WireType is the name on the wire.
func (DispatchRefused) WireType() string { return "DispatchRefused.v1" }

// Whose key a message must have.

// Subject is the order.
func (m OrderPlaced) Subject() uuid.UUID { return m.OrderID }

// Subject is the order.
func (m OrderPlacedV2) Subject() uuid.UUID { return m.OrderID }

// Subject is the order.
func (m OrderCancellationRequested) Subject() uuid.UUID { return m.OrderID }

// Subject is the order.
func (m OrderCancellationDeclined) Subject() uuid.UUID { return m.OrderID }

// Subject is the order.
func (m OrderCompleted) Subject() uuid.UUID { return m.OrderID }

// Subject is the order.
func (m OrderRejected) Subject() uuid.UUID { return m.OrderID }

// Subject is the order.
func (m OrderCancelled) Subject() uuid.UUID { return m.OrderID }

// Subject is the order.
func (m CompleteOrder) Subject() uuid.UUID { return m.OrderID }

// Subject is the order.
func (m RejectOrder) Subject() uuid.UUID { return m.OrderID }

// Subject is the order.
func (m CancelOrder) Subject() uuid.UUID { return m.OrderID }

// Subject is the order.
func (m AuthorizePayment) Subject() uuid.UUID { return m.OrderID }

// Subject is the order.
func (m CapturePayment) Subject() uuid.UUID { return m.OrderID }

// Subject is the order.
func (m VoidPayment) Subject() uuid.UUID { return m.OrderID }

// Subject is the order.
func (m RefundPayment) Subject() uuid.UUID { return m.OrderID }

// Subject is the order.
func (m PaymentAuthorized) Subject() uuid.UUID { return m.OrderID }

// Subject is the order.
func (m PaymentDeclined) Subject() uuid.UUID { return m.OrderID }

// Subject is the order.
func (m PaymentCaptured) Subject() uuid.UUID { return m.OrderID }

// Subject is the order.
func (m PaymentCaptureRefused) Subject() uuid.UUID { return m.OrderID }

// Subject is the order.
func (m PaymentVoided) Subject() uuid.UUID { return m.OrderID }

// Subject is the order.
func (m PaymentVoidFailed) Subject() uuid.UUID { return m.OrderID }

// Subject is the order.
func (m PaymentRefunded) Subject() uuid.UUID { return m.OrderID }

// Subject is the order.
func (m PaymentRefundFailed) Subject() uuid.UUID { return m.OrderID }

// Subject is the order.
func (m ReserveStock) Subject() uuid.UUID { return m.OrderID }

// Subject is the order.
func (m ReleaseStock) Subject() uuid.UUID { return m.OrderID }

// Subject is the order.
func (m DispatchOrder) Subject() uuid.UUID { return m.OrderID }

// Subject is the order.
func (m StockReserved) Subject() uuid.UUID { return m.OrderID }

// Subject is the order.
func (m StockReservationRefused) Subject() uuid.UUID { return m.OrderID }

// Subject is the order.
func (m StockReleased) Subject() uuid.UUID { return m.OrderID }

// Subject is the order.
func (m OrderDispatched) Subject() uuid.UUID { return m.OrderID }

// Subject is the order.
func (m DispatchRefused) Subject() uuid.UUID { return m.OrderID }
