package contracts

import "github.com/google/uuid"

// AuthorizePayment asks to hold Amount on the payment method.
type AuthorizePayment struct {
	OrderID       uuid.UUID `json:"order_id"`
	CustomerID    string    `json:"customer_id" schema:"min=1"`
	Amount        Money     `json:"amount"`
	PaymentMethod string    `json:"payment_method" schema:"min=1"`
}

// PaymentAuthorized answers AuthorizePayment: Amount is held.
type PaymentAuthorized struct {
	OrderID uuid.UUID `json:"order_id"`
	Amount  Money     `json:"amount"`
}

// PaymentDeclined refuses AuthorizePayment: nothing is held.
type PaymentDeclined struct {
	OrderID uuid.UUID `json:"order_id"`
	Reason  Reason    `json:"reason"`
}

// CapturePayment asks to take the held amount.
type CapturePayment struct {
	OrderID uuid.UUID `json:"order_id"`
	Amount  Money     `json:"amount"`
}

// PaymentCaptured answers CapturePayment: Amount was taken.
type PaymentCaptured struct {
	OrderID uuid.UUID `json:"order_id"`
	Amount  Money     `json:"amount"`
}

// PaymentCaptureRefused refuses CapturePayment: nothing was taken.
type PaymentCaptureRefused struct {
	OrderID uuid.UUID `json:"order_id"`
	Reason  Reason    `json:"reason"`
}

// VoidPayment undoes AuthorizePayment, addressed by order: it holds whether or not the authorisation's answer arrived.
type VoidPayment struct {
	OrderID uuid.UUID `json:"order_id"`
}

// PaymentVoided answers VoidPayment: Amount was let go, 0 where nothing was held any more.
type PaymentVoided struct {
	OrderID uuid.UUID `json:"order_id"`
	Amount  Money     `json:"amount"`
}

// PaymentVoidFailed says that VoidPayment failed for good; the compensation is owed.
type PaymentVoidFailed struct {
	OrderID uuid.UUID `json:"order_id"`
	Detail  string    `json:"detail"` // the provider's code, never a person's data
}

// RefundPayment undoes CapturePayment, addressed by order.
type RefundPayment struct {
	OrderID uuid.UUID `json:"order_id"`
}

// PaymentRefunded answers RefundPayment: Amount was given back, 0 where nothing was taken.
type PaymentRefunded struct {
	OrderID uuid.UUID `json:"order_id"`
	Amount  Money     `json:"amount"`
}

// PaymentRefundFailed says that RefundPayment failed for good; the compensation is owed.
type PaymentRefundFailed struct {
	OrderID uuid.UUID `json:"order_id"`
	Detail  string    `json:"detail"` // the provider's code, never a person's data
}
