package httpapi

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"ordersaga.internal/contracts/openapi"
	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/telemetry"
	"ordersaga.internal/services/warehouse/internal/participant"
	"ordersaga.internal/services/warehouse/internal/stock"
)

// Machine takes what changes the stock.
type Machine interface {
	Submit(ctx context.Context, in messaging.Message) error
}

// Reader answers what the warehouse has.
type Reader interface {
	Level(ctx context.Context, sku string) (level stock.Level, known bool, err error)
	Page(ctx context.Context, after string, limit int) ([]stock.Level, error)
}

// Deps is what an API is built on. All fields are required.
type Deps struct {
	Machine Machine
	Stock   Reader
	Log     *slog.Logger
}

const pageSize = 100 // unless the client says another

// Patience is how long a request waits for the database.
const Patience = 5 * time.Second

// api serves the contract's operations.
type api struct{ Deps }

var _ StrictServerInterface = api{}

// New returns the whole interface: who asks, whether the request is well formed, whether they may, then the operation.
func New(auth *httpserver.Auth, d Deps) (http.Handler, error) {
	document, err := openapi.Document("warehouse")
	if err != nil {
		return nil, err
	}
	contract, err := httpserver.NewContract(document)
	if err != nil {
		return nil, fmt.Errorf("OpenAPI document: %w", err)
	}
	a := api{d}
	strict := NewStrictHandlerWithOptions(a, nil, StrictHTTPServerOptions{
		RequestErrorHandlerFunc:  httpserver.BadRequest,
		ResponseErrorHandlerFunc: a.problem,
	})
	router := chi.NewRouter()
	router.NotFound(httpserver.NotFound)
	router.Use(auth.Middleware, contract.Middleware, httpserver.RequireRole(httpserver.RoleOperator))
	return HandlerWithOptions(strict, ChiServerOptions{BaseRouter: router, ErrorHandlerFunc: httpserver.BadRequest}), nil
}

// GetStock returns the stock of one SKU.
func (a api) GetStock(ctx context.Context, r GetStockRequestObject) (GetStockResponseObject, error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	level, known, err := a.Stock.Level(ctx, r.Sku)
	switch {
	case err != nil:
		return nil, err
	case !known:
		return nil, stock.ErrUnknownSKU
	}
	return GetStock200JSONResponse(toStock(level)), nil
}

// ListStock returns a page of the stock, by SKU.
func (a api) ListStock(ctx context.Context, r ListStockRequestObject) (ListStockResponseObject, error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	after, limit := "", pageSize
	if r.Params.Cursor != nil {
		after = *r.Params.Cursor
	}
	if r.Params.Limit != nil {
		limit = *r.Params.Limit
	}
	levels, err := a.Stock.Page(ctx, after, limit+1)
	if err != nil {
		return nil, err
	}
	page := ListStock200JSONResponse{Items: make([]Stock, 0, len(levels))}
	if len(levels) > limit {
		levels = levels[:limit]
		page.NextCursor = &levels[limit-1].SKU
	}
	for _, l := range levels {
		page.Items = append(page.Items, toStock(l))
	}
	return page, nil
}

// ReceiveStock takes a receipt.
func (a api) ReceiveStock(ctx context.Context, r ReceiveStockRequestObject) (ReceiveStockResponseObject, error) {
	level, err := a.change(ctx, stock.Receipt, r.Sku, r.Params.IdempotencyKey, r.Body)
	if err != nil {
		return nil, err
	}
	return ReceiveStock200JSONResponse{ChangedJSONResponse(toStock(level))}, nil
}

// ReportDamage takes a report of damage.
func (a api) ReportDamage(ctx context.Context, r ReportDamageRequestObject) (ReportDamageResponseObject, error) {
	level, err := a.change(ctx, stock.Damage, r.Sku, r.Params.IdempotencyKey, r.Body)
	if err != nil {
		return nil, err
	}
	return ReportDamage200JSONResponse{ChangedJSONResponse(toStock(level))}, nil
}

// change submits a change and waits for its COMMIT.
func (a api) change(ctx context.Context, kind stock.Kind, sku, key string, units *Units) (stock.Level, error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	c := &participant.Change{Change: stock.Change{
		Operator: httpserver.ClaimsFrom(ctx).Subject, Key: key, Kind: kind, SKU: sku, Quantity: units.Quantity,
	}}
	in := c.Input()
	in.Traceparent, in.Tracestate = telemetry.TraceContext(ctx)
	if err := a.Machine.Submit(ctx, in); err != nil {
		return stock.Level{}, err
	}
	return c.Level, nil
}

func toStock(l stock.Level) Stock {
	return Stock{
		Sku: l.SKU, Received: l.Received, OnHand: l.OnHand, Reserved: l.Reserved, Dispatched: l.Dispatched,
		WrittenOff: l.WrittenOff, Damaged: l.Damaged,
	}
}
