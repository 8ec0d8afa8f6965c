package admin

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"ordersaga.internal/contracts/openapi"
	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/processmanager/internal/recorded"
	"ordersaga.internal/processmanager/internal/runner"
	"ordersaga.internal/processmanager/internal/shadow"
	"ordersaga.internal/processmanager/internal/store"
	"ordersaga.internal/processmanager/saga"
)

// Deps is what an API is built on. All fields are required.
type Deps struct {
	Machine     runner.Submitter
	DB          store.Querier
	Definitions []saga.Outline // every version in flight, of each name the newest first
	Log         *slog.Logger
	// Diff replays what was recorded of orders that began under a version, under another one.
	Diff func(ctx context.Context, w recorded.Wanted, to shadow.Version) (shadow.Report, error)
}

// patience is how long a request waits for the database.
const patience = 5 * time.Second

// API serves the contract's operations.
type API struct {
	Deps
	steps map[string]bool // the names of every version
	diff  sync.Mutex      // one at a time: the orders come first
}

var _ StrictServerInterface = (*API)(nil)

// New returns an API.
func New(d Deps) *API {
	a := &API{Deps: d, steps: map[string]bool{}}
	for _, definition := range d.Definitions {
		for _, step := range definition.Steps {
			a.steps[step] = true
		}
	}
	return a
}

// Routes adds the routes to those of the admin port, which has authenticated the request and asked for the role.
func (a *API) Routes() (func(chi.Router), error) {
	document, err := openapi.Document("processmanager")
	if err != nil {
		return nil, err
	}
	strict := NewStrictHandlerWithOptions(a, nil, StrictHTTPServerOptions{
		RequestErrorHandlerFunc: httpserver.BadRequest, ResponseErrorHandlerFunc: a.problem,
	})
	handler, err := httpserver.Documented(document, func(base chi.Router) http.Handler {
		return HandlerWithOptions(strict, ChiServerOptions{BaseRouter: base, ErrorHandlerFunc: httpserver.BadRequest})
	})
	if err != nil {
		return nil, fmt.Errorf("admin API: %w", err)
	}
	return func(r chi.Router) { r.Handle("/*", handler) }, nil
}

func (a *API) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, patience, errUnavailable)
}
