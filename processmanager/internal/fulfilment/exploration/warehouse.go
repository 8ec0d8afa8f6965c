package exploration

import (
	"errors"
	"fmt"

	"github.com/google/uuid"
	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/processmanager/saga"
	"ordersaga.internal/processmanager/saga/explore"
)

// units is what was received of the one SKU, and what the order asks for.
const units = 2

// warehouse is its stock of the one SKU, as services/warehouse/internal/stock keeps it.
type warehouse struct {
	hold                             string // "", held, released, dispatched
	reserved, dispatched, writtenOff int8
	soldOut                          bool // it refused
}

var (
	reservation = messaging.Operation{Name: "stock", Superseded: func(order uuid.UUID) any {
		return contracts.StockReservationRefused{OrderID: order, Reason: contracts.ReasonSuperseded}
	}}
	dispatch = messaging.Operation{Name: "dispatch"}
)

type decision = func(*warehouse, *messaging.Fence) ([]messaging.Message, any, error)

func (w warehouse) take(c saga.Message) (messaging.Operation, bool, []way[warehouse]) {
	decide := func(f func(*warehouse) (any, error)) decision {
		return func(w *warehouse, _ *messaging.Fence) ([]messaging.Message, any, error) {
			answer, err := f(w)
			return nil, answer, err
		}
	}
	switch c.(type) {
	case contracts.ReserveStock:
		return reservation, false, []way[warehouse]{
			{work: decide((*warehouse).reserve)},
			{text: "it is sold out", cost: explore.Choice, work: decide(func(w *warehouse) (any, error) {
				err := w.fresh()
				w.soldOut = true
				return contracts.StockReservationRefused{OrderID: order, Reason: contracts.ReasonOutOfStock}, err
			})},
		}
	case contracts.ReleaseStock:
		return reservation, true, []way[warehouse]{{work: decide((*warehouse).release)}}
	case contracts.DispatchOrder:
		ways := []way[warehouse]{{work: decide((*warehouse).dispatch)}}
		if w.hold == "held" {
			ways = append(ways, way[warehouse]{text: "a unit is damaged", cost: explore.Choice, work: decide((*warehouse).damaged)})
		}
		return dispatch, false, ways
	default:
		panic("the warehouse does not take " + c.WireType())
	}
}

func (warehouse) moves() []move[warehouse] { return nil }

func (w *warehouse) fresh() error {
	if w.hold != "" || w.soldOut {
		return errors.New("the warehouse is asked to reserve again")
	}
	return nil
}

func (w *warehouse) reserve() (any, error) {
	if err := w.fresh(); err != nil {
		return nil, err
	}
	w.hold, w.reserved = "held", units
	return contracts.StockReserved{OrderID: order}, nil
}

func (w *warehouse) release() (any, error) {
	if w.hold == "held" {
		w.hold, w.reserved = "released", 0
	}
	return contracts.StockReleased{OrderID: order}, nil
}

func (w *warehouse) dispatch() (any, error) {
	switch w.hold {
	case "":
		return contracts.DispatchRefused{OrderID: order, Reason: contracts.ReasonOutOfStock}, nil
	case "released":
		return contracts.DispatchRefused{OrderID: order, Reason: contracts.ReasonSuperseded}, nil
	case "dispatched":
		return nil, errors.New("the warehouse is asked to dispatch what was dispatched")
	}
	w.hold, w.dispatched, w.reserved = "dispatched", w.reserved, 0
	return contracts.OrderDispatched{OrderID: order, ShipmentID: "shipment"}, nil
}

// damaged finds one unit damaged when picking: it is written off, the rest stays held.
func (w *warehouse) damaged() (any, error) {
	w.reserved--
	w.writtenOff++
	return contracts.DispatchRefused{OrderID: order, Reason: contracts.ReasonDamaged}, nil
}

// check is I2, of one order.
func (w *warehouse) check() error {
	onHand := units - w.reserved - w.dispatched - w.writtenOff
	if min(onHand, w.reserved, w.dispatched, w.writtenOff) < 0 {
		return fmt.Errorf("I2: stock is negative: %+v", *w)
	}
	return nil
}
