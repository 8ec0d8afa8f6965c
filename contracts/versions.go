package contracts

// What leads from one version of a message to the next, and back where a reader cannot follow: see docs/versions.md.

// upcast: nothing was charged for shipping while version 1 was the newest.
func (m OrderPlaced) upcast() OrderPlacedV2 {
	return OrderPlacedV2{
		OrderID: m.OrderID, CustomerID: m.CustomerID, Lines: m.Lines, PaymentMethod: m.PaymentMethod, ShipTo: m.ShipTo,
		Price: Price{Goods: m.Total, Shipping: Money{Currency: m.Total.Currency}, Total: m.Total},
	}
}

// Downcast returns version 1 of the event. What the customer pays stays right; with shipping it is no longer the sum of the
// lines, which version 1 cannot say otherwise.
func (m OrderPlacedV2) Downcast() OrderPlaced {
	return OrderPlaced{
		OrderID: m.OrderID, CustomerID: m.CustomerID, Lines: m.Lines, Total: m.Price.Total,
		PaymentMethod: m.PaymentMethod, ShipTo: m.ShipTo,
	}
}
