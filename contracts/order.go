package contracts

import "github.com/google/uuid"

// Line is one product of an order as the other services see it.
type Line struct {
	SKU      string `json:"sku" schema:"min=1,max=64"`
	Quantity int    `json:"quantity" schema:"min=1,max=1000"` // 1 to 1,000
}

// PricedLine is a Line with the price that the order service took at placing.
type PricedLine struct {
	SKU       string `json:"sku" schema:"min=1,max=64"`
	Quantity  int    `json:"quantity" schema:"min=1,max=1000"` // 1 to 1,000
	UnitPrice Money  `json:"unit_price"`
}

// OrderPlaced is version 1 of what starts the saga: readers see OrderPlacedV2. Total is the sum of the lines, one currency.
// ShipTo is the id of an address.
type OrderPlaced struct {
	OrderID       uuid.UUID    `json:"order_id"`
	CustomerID    string       `json:"customer_id" schema:"min=1"`
	Lines         []PricedLine `json:"lines" schema:"min=1,max=1000"`
	Total         Money        `json:"total"`
	PaymentMethod string       `json:"payment_method" schema:"min=1"`
	ShipTo        string       `json:"ship_to" schema:"min=1"`
}

// OrderPlacedV2 starts the saga. ShipTo is the id of an address.
type OrderPlacedV2 struct {
	OrderID       uuid.UUID    `json:"order_id"`
	CustomerID    string       `json:"customer_id" schema:"min=1"`
	Lines         []PricedLine `json:"lines" schema:"min=1,max=1000"`
	Price         Price        `json:"price"`
	PaymentMethod string       `json:"payment_method" schema:"min=1"`
	ShipTo        string       `json:"ship_to" schema:"min=1"`
}

// Price is what an order costs, in one currency: goods and shipping come to the total, which is what the customer pays.
type Price struct {
	Goods    Money `json:"goods"` // the sum of the lines
	Shipping Money `json:"shipping"`
	Total    Money `json:"total"`
}

// OrderCancellationRequested says that the customer wants the order cancelled; the saga decides.
type OrderCancellationRequested struct {
	OrderID uuid.UUID `json:"order_id"`
}

// OrderCancellationDeclined says that a requested cancellation came too late: the order ended otherwise.
type OrderCancellationDeclined struct {
	OrderID uuid.UUID `json:"order_id"`
}

// CompleteOrder tells the order service that everything is done.
type CompleteOrder struct {
	OrderID uuid.UUID `json:"order_id"`
}

// OrderCompleted answers CompleteOrder.
type OrderCompleted struct {
	OrderID uuid.UUID `json:"order_id"`
}

// RejectOrder tells the order service that a step failed and everything is undone. Step is the name in the saga's table.
type RejectOrder struct {
	OrderID uuid.UUID `json:"order_id"`
	Step    string    `json:"step" schema:"min=1"`
	Reason  Reason    `json:"reason"`
}

// OrderRejected answers RejectOrder.
type OrderRejected struct {
	OrderID uuid.UUID `json:"order_id"`
	Step    string    `json:"step" schema:"min=1"`
	Reason  Reason    `json:"reason"`
}

// CancelOrder tells the order service that everything is undone, as the customer asked.
type CancelOrder struct {
	OrderID uuid.UUID `json:"order_id"`
}

// OrderCancelled answers CancelOrder.
type OrderCancelled struct {
	OrderID uuid.UUID `json:"order_id"`
}
