package httpapi

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/services/order/internal/admission"
	"ordersaga.internal/services/order/internal/messages"
	"ordersaga.internal/services/order/internal/ordering"
)

// PlaceOrder places an order, or answers what was answered to the first request with its key.
func (a *API) PlaceOrder(ctx context.Context, r PlaceOrderRequestObject) (PlaceOrderResponseObject, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("order id: %w", err)
	}
	p := &ordering.Placement{
		OrderID: id, Key: ordering.Key{Customer: customer(ctx), Key: r.Params.IdempotencyKey},
		Fingerprint: fingerprint(ctx), Lines: make([]contracts.Line, len(r.Body.Lines)),
		PaymentMethod: r.Body.PaymentMethod, ShipTo: r.Body.ShipTo,
	}
	for i, line := range r.Body.Lines {
		p.Lines[i] = contracts.Line{SKU: line.Sku, Quantity: int(line.Quantity)}
	}
	if e := r.Body.ExpectedTotal; e != nil {
		p.ExpectedTotal = &contracts.Money{AmountMinor: int64(e.AmountMinor), Currency: e.Currency}
	}
	land, err := a.flights.enter(ctx, p.Key, Patience)
	if err != nil {
		return nil, err
	}
	defer func() { land(err) }()
	err = a.submit(ctx, messaging.Message{Subject: id, Body: p})
	if errors.Is(err, errUnavailable) || err == nil && p.Order.ID == id {
		admission.Spend(ctx)
	}
	if err != nil {
		return nil, err
	}
	location := path(p.Order.ID)
	return PlaceOrder202JSONResponse{
		Body: toOrder(&p.Order), Headers: PlaceOrder202ResponseHeaders{Location: &location},
	}, nil
}

// CancelOrder notes the customer's wish.
func (a *API) CancelOrder(ctx context.Context, r CancelOrderRequestObject) (CancelOrderResponseObject, error) {
	id, err := parseOrder(r.OrderId)
	if err != nil {
		return nil, err
	}
	wish := &messages.CancellationRequest{Customer: customer(ctx)}
	if err := a.submit(ctx, messaging.Message{Subject: id, Body: wish}); err != nil {
		return nil, err
	}
	ctx, cancel := a.bounded(ctx)
	defer cancel()
	o, err := a.Orders.Order(ctx, wish.Customer, id)
	if err != nil {
		return nil, err
	}
	location := path(id)
	return CancelOrder202JSONResponse{
		Body: toOrder(&o), Headers: CancelOrder202ResponseHeaders{Location: &location},
	}, nil
}

// ListOrders returns a page of the customer's orders, newest first.
func (a *API) ListOrders(ctx context.Context, r ListOrdersRequestObject) (ListOrdersResponseObject, error) {
	before, status, limit := uuid.Max, ordering.Status(""), pageSize(r.Params.Limit)
	key, err := httpserver.CursorKey(r.Params.Cursor, len(before))
	if err != nil {
		return nil, err
	}
	copy(before[:], key) // where there is none, all are before
	if r.Params.Status != nil {
		status = ordering.Status(*r.Params.Status)
	}
	ctx, cancel := a.bounded(ctx)
	defer cancel()
	orders, err := a.Orders.Orders(ctx, customer(ctx), status, before, limit+1)
	if err != nil {
		return nil, err
	}
	page := ListOrders200JSONResponse{Items: make([]Order, 0, min(limit, len(orders)))}
	if len(orders) > limit {
		orders = orders[:limit]
		page.NextCursor = httpserver.Cursor(orders[limit-1].ID[:])
	}
	ids := make([]uuid.UUID, len(orders))
	for i := range orders {
		ids[i] = orders[i].ID
	}
	seen, _ := a.Views.Look(ctx, ids...)
	for i := range orders {
		s := sight{order: orders[i], view: seen[ids[i]]}
		page.Items = append(page.Items, s.show())
	}
	return page, nil
}

const defaultPage = 20

func pageSize(limit *int) int {
	if limit == nil {
		return defaultPage
	}
	return *limit
}

func customer(ctx context.Context) string { return httpserver.ClaimsFrom(ctx).Subject }

func path(id uuid.UUID) string { return "/v1/orders/" + id.String() }

func parseOrder(id string) (uuid.UUID, error) {
	parsed, err := uuid.Parse(id)
	if err != nil {
		return uuid.Nil, httpserver.BadParameter("#/path/order_id", "not a UUID")
	}
	return parsed, nil
}

func toOrder(o *ordering.Order) Order {
	out := Order{
		OrderId: o.ID.String(), Status: Status(o.Status), Cancellation: OrderCancellation(o.Cancellation),
		Lines: make([]Line, len(o.Lines)), Total: toMoney(o.Total), PaymentMethod: o.PaymentMethod, ShipTo: o.ShipTo,
		PlacedAt: o.PlacedAt,
	}
	for i, line := range o.Lines {
		out.Lines[i] = Line{Sku: line.SKU, Quantity: Integer(line.Quantity), UnitPrice: toMoney(line.UnitPrice)}
	}
	if o.Status == ordering.Rejected {
		step, reason := o.Step, OrderReason(o.Reason)
		out.Step, out.Reason = &step, &reason
	}
	if o.Final() {
		at := o.FinishedAt
		out.FinishedAt = &at
	}
	return out
}

func toMoney(m contracts.Money) Money {
	return Money{AmountMinor: Integer(m.AmountMinor), Currency: m.Currency}
}
