package contracts

import "github.com/google/uuid"

// ReserveStock asks to hold every line, all or none.
type ReserveStock struct {
	OrderID uuid.UUID `json:"order_id"`
	Lines   []Line    `json:"lines" schema:"min=1,max=1000"`
}

// StockReserved answers ReserveStock.
type StockReserved struct {
	OrderID uuid.UUID `json:"order_id"`
}

// Shortage is one product that could not be reserved.
type Shortage struct {
	SKU       string `json:"sku" schema:"min=1,max=64"`
	Requested int    `json:"requested" schema:"min=1,max=1000"`
	Available int    `json:"available" schema:"min=0"`
}

// StockReservationRefused refuses ReserveStock: nothing is held.
type StockReservationRefused struct {
	OrderID   uuid.UUID  `json:"order_id"`
	Reason    Reason     `json:"reason"`
	Shortages []Shortage `json:"shortages,omitempty" schema:"min=1"`
}

// ReleaseStock undoes ReserveStock, addressed by order.
type ReleaseStock struct {
	OrderID uuid.UUID `json:"order_id"`
}

// StockReleased answers ReleaseStock: the order holds nothing.
type StockReleased struct {
	OrderID uuid.UUID `json:"order_id"`
}

// DispatchOrder asks to pick, pack and hand over. After it there is no way back.
type DispatchOrder struct {
	OrderID uuid.UUID `json:"order_id"`
	Lines   []Line    `json:"lines" schema:"min=1,max=1000"`
	ShipTo  string    `json:"ship_to" schema:"min=1"`
}

// OrderDispatched answers DispatchOrder.
type OrderDispatched struct {
	OrderID    uuid.UUID `json:"order_id"`
	ShipmentID string    `json:"shipment_id" schema:"min=1"`
}

// DispatchRefused refuses DispatchOrder: nothing left the warehouse.
type DispatchRefused struct {
	OrderID uuid.UUID `json:"order_id"`
	Reason  Reason    `json:"reason"`
}
