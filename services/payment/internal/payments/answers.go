package payments

import (
	"github.com/google/uuid"

	"ordersaga.internal/contracts"
)

// did records that the provider did the operation, and returns the answer.
func (o *Operation) did(r Result) any {
	o.Settled, o.DoneMinor, o.Reference = true, r.AmountMinor, r.Reference
	o.shut(Did)
	amount := contracts.Money{AmountMinor: r.AmountMinor, Currency: o.Amount.Currency}
	if o.Kind == Capture {
		return contracts.PaymentCaptured{OrderID: o.Order, Amount: amount}
	}
	return contracts.PaymentAuthorized{OrderID: o.Order, Amount: amount}
}

// refuse records that nothing was done, and returns the answer.
func (o *Operation) refuse(r Result) any {
	o.Settled, o.Reason, o.Code = true, r.Reason, r.Code
	o.shut(Declined)
	if o.Kind == Capture {
		return contracts.PaymentCaptureRefused{OrderID: o.Order, Reason: r.Reason}
	}
	return contracts.PaymentDeclined{OrderID: o.Order, Reason: r.Reason}
}

func reversed(order uuid.UUID, k Kind, minor int64, currency string) any {
	amount := contracts.Money{AmountMinor: minor, Currency: currency}
	if k == Capture {
		return contracts.PaymentRefunded{OrderID: order, Amount: amount}
	}
	return contracts.PaymentVoided{OrderID: order, Amount: amount}
}

func failed(order uuid.UUID, k Kind, detail string) any {
	if k == Capture {
		return contracts.PaymentRefundFailed{OrderID: order, Detail: detail}
	}
	return contracts.PaymentVoidFailed{OrderID: order, Detail: detail}
}
