package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/telemetry"
	"ordersaga.internal/services/order/internal/ordering"
	"ordersaga.internal/services/order/internal/view"
	"ordersaga.internal/services/order/internal/watch"
)

// Machine takes what changes an order.
type Machine interface {
	Submit(ctx context.Context, in messaging.Message) error
}

// Orders reads a customer's orders.
type Orders interface {
	Order(ctx context.Context, customer string, id uuid.UUID) (ordering.Order, error)
	Orders(ctx context.Context, customer string, status ordering.Status, before uuid.UUID, limit int) ([]ordering.Order, error)
}

// Products is the catalogue.
type Products interface {
	Product(ctx context.Context, sku string) (ordering.Product, error)
	Products(ctx context.Context, after string, limit int) ([]ordering.Product, error)
	PutProduct(ctx context.Context, p ordering.Product) (added bool, err error)
}

// Views is the read model. It may be away: then answered is false, and orders are shown without it.
type Views interface {
	Look(ctx context.Context, orders ...uuid.UUID) (seen map[uuid.UUID]view.Sight, answered bool)
}

// Deps is what an API is built on. All fields are required.
type Deps struct {
	Machine  Machine
	Orders   Orders
	Products Products
	Views    Views
	Watch    *watch.Watch[ordering.State]
	Sights   *watch.Watch[view.Sight]
	Streams  *Streams
	Stopping <-chan struct{} // closed when those who wait for an order are to be answered at once
	Log      *slog.Logger
}

// Patience is how long a request waits for the database, or for an earlier one with its key.
const Patience = 5 * time.Second

// API serves the contract's operations.
type API struct {
	Deps
	flights *flights
}

// NewAPI returns an API.
func NewAPI(d Deps) *API { return &API{Deps: d, flights: newFlights()} }

var _ StrictServerInterface = (*API)(nil)

// Handler returns the routes. It relies on the caller to have authenticated the request and held it against the contract.
func (a *API) Handler() http.Handler {
	strict := NewStrictHandlerWithOptions(a, []StrictMiddlewareFunc{requireRole}, StrictHTTPServerOptions{
		RequestErrorHandlerFunc:  httpserver.BadRequest,
		ResponseErrorHandlerFunc: a.problem,
	})
	router := chi.NewRouter()
	router.NotFound(httpserver.NotFound)
	return HandlerWithOptions(fingerprinted{strict}, ChiServerOptions{
		BaseRouter:       router,
		ErrorHandlerFunc: httpserver.BadRequest,
	})
}

// roles that operations need, as the contract's security says; the others take any token.
var roles = map[string]string{
	"PlaceOrder": "customer", "ListOrders": "customer", "GetOrder": "customer", "FollowOrder": "customer", "CancelOrder": "customer",
	"PutProduct": "operator",
}

func requireRole(next StrictHandlerFunc, operation string) StrictHandlerFunc {
	role, ok := roles[operation]
	if !ok {
		return next
	}
	return func(ctx context.Context, w http.ResponseWriter, r *http.Request, request any) (any, error) {
		if !httpserver.ClaimsFrom(ctx).Has(role) {
			return nil, httpserver.NewProblem(http.StatusForbidden, "forbidden", "The role "+role+" is needed.")
		}
		return next(ctx, w, r, request)
	}
}

// bounded is ctx for reading from the database.
func (a *API) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, Patience, errUnavailable)
}

// submit hands an input to the machine and waits for its COMMIT. Errors: as Submit; errUnavailable when it takes too long.
func (a *API) submit(ctx context.Context, in messaging.Message) error {
	ctx, cancel := context.WithTimeoutCause(ctx, Patience, errUnavailable)
	defer cancel()
	in.Traceparent, in.Tracestate = telemetry.TraceContext(ctx)
	return a.Machine.Submit(ctx, in)
}
