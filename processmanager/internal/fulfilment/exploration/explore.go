package exploration

import (
	"fmt"
	"slices"

	"github.com/google/uuid"
	"ordersaga.internal/contracts"
	"ordersaga.internal/processmanager/internal/fulfilment"
	"ordersaga.internal/processmanager/saga"
	"ordersaga.internal/processmanager/saga/explore"
)

// The participants, by their number.
const (
	theOrders = iota
	thePayment
	theWarehouse
)

// Config explores a definition of the order saga.
func Config(def *saga.Definition[fulfilment.Order], faults int) explore.Config[fulfilment.Order] {
	start := contracts.OrderPlacedV2{
		OrderID: order, CustomerID: "alice", PaymentMethod: "pm_ok", ShipTo: "address-7",
		Lines: []contracts.PricedLine{{SKU: "BOOK-1", Quantity: units, UnitPrice: contracts.Money{AmountMinor: 1000, Currency: "EUR"}}},
		Price: contracts.Price{Total: contracts.Money{AmountMinor: 1999, Currency: "EUR"}},
	}
	shop := newSide[orders]("/services/order")
	shop.model.status = placed
	first, err := shop.event(shop.fence.Emit(order, uuid.Nil, start))
	if err != nil {
		panic(err)
	}
	return explore.Config[fulfilment.Order]{
		Definition: def, Start: first, Faults: faults, Check: check, Outcome: outcome,
		Participants: []explore.Participant{{
			Name: "order", Side: shop, Sent: []saga.Input{first},
			Takes: types(contracts.CompleteOrder{}, contracts.RejectOrder{}, contracts.CancelOrder{}),
		}, {
			Name: "payment", Side: newSide[payment]("/services/payment"),
			Takes: types(contracts.AuthorizePayment{}, contracts.CapturePayment{}, contracts.VoidPayment{}, contracts.RefundPayment{}),
			Supersedes: func(c saga.Message) []string {
				switch c.(type) {
				case contracts.VoidPayment, contracts.RefundPayment:
					return types(contracts.AuthorizePayment{}, contracts.CapturePayment{})
				}
				return nil
			},
		}, {
			Name: "warehouse", Side: newSide[warehouse]("/services/warehouse"),
			Takes: types(contracts.ReserveStock{}, contracts.ReleaseStock{}, contracts.DispatchOrder{}),
			Supersedes: func(c saga.Message) []string {
				if _, undo := c.(contracts.ReleaseStock); undo {
					return types(contracts.ReserveStock{}, contracts.DispatchOrder{})
				}
				return nil
			},
		}},
	}
}

func types(messages ...saga.Message) []string {
	names := make([]string, len(messages))
	for k, m := range messages {
		names[k] = m.WireType()
	}
	return names
}

// world is a state in the words of the order saga.
type world struct {
	*saga.Instance[fulfilment.Order]
	shop  *orders
	money *payment
	goods *warehouse
}

func read(v explore.View[fulfilment.Order]) world {
	return world{
		v.Instance, &v.Sides[theOrders].(*side[orders]).model, &v.Sides[thePayment].(*side[payment]).model,
		&v.Sides[theWarehouse].(*side[warehouse]).model,
	}
}

func (w *world) waived(step string) bool {
	return slices.ContainsFunc(w.Steps, func(p saga.Progress) bool { return p.Step == step && p.Outcome == saga.Waived })
}

// check is DESIGN, section 11, for one order: I1 to I4, and one outcome.
func check(v explore.View[fulfilment.Order]) error {
	w := read(v)
	if err := w.goods.check(); err != nil {
		return err
	}
	l, out := &w.money.ledger, w.goods.dispatched > 0
	paid := l.captured == "done" && !l.refunded
	switch {
	case out && !paid:
		return fmt.Errorf("I3: dispatched, and the money was not captured or is given back: %+v", *l)
	case l.captured == "done" && l.authorized != "done":
		return fmt.Errorf("I1: captured what was not authorised: %+v", *l)
	case l.captured == "done" && l.voided:
		return fmt.Errorf("I1: captured and voided: %+v", *l)
	case w.shop.status != placed && w.State.Final() && w.shop.status != w.State:
		return fmt.Errorf("one outcome: the order is %s, the instance %s", w.shop.status, w.State)
	case w.goods.hold == "released" && w.State != saga.Completed && l.authorized == "done" && !l.voided && l.captured != "done" && !w.settledBooks():
		return fmt.Errorf("scenario 10: the stock is freed while the payment stands: %+v", *l)
	case !v.AtRest:
		return nil
	}
	return w.atRest(out, paid)
}

// settledBooks tells whether a compensation of the payment failed for good, and so is an operator's business.
func (w *world) settledBooks() bool {
	return slices.ContainsFunc(w.Steps, func(p saga.Progress) bool {
		return p.Step != "reserve stock" && p.Failure != ""
	})
}

// atRest is what must hold of an order that ended, with nothing under way.
func (w *world) atRest(out, paid bool) error {
	l := &w.money.ledger
	held := l.authorized == "done" && l.captured != "done" && !l.voided
	switch {
	case w.shop.status != w.State:
		return fmt.Errorf("one outcome: the order is %s, the instance %s", w.shop.status, w.State)
	case w.State != saga.Completed && len(w.decisions()) == 0:
		return fmt.Errorf("it is %s, and nobody decided against it", w.State)
	case out != (w.State == saga.Completed):
		return fmt.Errorf("it is %s, dispatched is %t", w.State, out)
	case paid != out && !w.waived("capture payment"):
		return fmt.Errorf("I1: captured and not refunded is %t, dispatched %t", paid, out)
	case held && !w.waived("authorize payment"):
		return fmt.Errorf("I1: authorised is neither captured nor voided: %+v", *l)
	case w.goods.reserved > 0 && !w.waived("reserve stock"):
		return fmt.Errorf("I2: a finished order holds %d units", w.goods.reserved)
	case w.State == saga.Cancelled && w.shop.cancellation != "requested", w.State != saga.Cancelled && w.shop.cancellation == "requested":
		return fmt.Errorf("rule 6: it is %s, the cancellation %q", w.State, w.shop.cancellation)
	}
	return nil
}
