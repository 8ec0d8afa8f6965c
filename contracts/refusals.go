package contracts

// Why returns the reason of a refusal, for the process manager, which needs no other part of it.
func (m StockReservationRefused) Why() string { return string(m.Reason) }

// Why: see StockReservationRefused.
func (m PaymentDeclined) Why() string { return string(m.Reason) }

// Why: see StockReservationRefused.
func (m PaymentCaptureRefused) Why() string { return string(m.Reason) }

// Why: see StockReservationRefused.
func (m DispatchRefused) Why() string { return string(m.Reason) }

// Why returns why a compensation failed for good, for the operator.
func (m PaymentVoidFailed) Why() string { return m.Detail }

// Why: see PaymentVoidFailed.
func (m PaymentRefundFailed) Why() string { return m.Detail }
