package httpserver

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"ordersaga.internal/infra/telemetry"
)

// RoleOperator is the role that the protected part of the admin port asks for.
const RoleOperator = "operator"

// AdminConfig of Admin.
type AdminConfig struct {
	Telemetry telemetry.Telemetry // Registry and Build. Required.
	// Ready are the checks behind /readyz, by name; each gets 2 seconds.
	Ready map[string]func(context.Context) error
	// Stopping, when closed, makes /readyz answer 503: the program's ctx.Done(). Nil: never.
	Stopping <-chan struct{}
	// Auth and Routes: what operators may do, under /admin/v1. Nil Routes: nothing.
	Auth   *Auth
	Routes func(chi.Router)
}

// Admin is the handler of a program's admin port: /livez, /readyz, /metrics and /version for everybody, /admin/v1 for
// operators.
func Admin(c AdminConfig) http.Handler {
	r := chi.NewRouter()
	r.NotFound(NotFound)
	r.MethodNotAllowed(MethodNotAllowed(""))
	r.Get("/livez", func(w http.ResponseWriter, r *http.Request) {
		WriteJSON(w, r, http.StatusOK, map[string]bool{"live": true})
	})
	r.Get("/readyz", c.readyz)
	r.Handle("/metrics", promhttp.HandlerFor(c.Telemetry.Registry, promhttp.HandlerOpts{}))
	r.Get("/version", func(w http.ResponseWriter, r *http.Request) { WriteJSON(w, r, http.StatusOK, c.Telemetry.Build) })
	if c.Routes != nil {
		r.Route("/admin/v1", func(r chi.Router) {
			r.Use(c.Auth.Middleware, RequireRole(RoleOperator))
			c.Routes(r)
		})
	}
	return r
}

// readiness is the body of /readyz.
type readiness struct {
	Ready   bool              `json:"ready"`
	Missing map[string]string `json:"missing,omitempty"` // by check: what it waits for
}

func (c AdminConfig) readyz(w http.ResponseWriter, r *http.Request) {
	answer := readiness{Missing: map[string]string{}}
	select {
	case <-c.Stopping:
		answer.Missing["program"] = "it is stopping"
	default:
	}
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	for _, name := range slices.Sorted(maps.Keys(c.Ready)) {
		if err := c.Ready[name](ctx); err != nil {
			answer.Missing[name] = err.Error()
		}
	}
	status := http.StatusOK
	if answer.Ready = len(answer.Missing) == 0; !answer.Ready {
		status = http.StatusServiceUnavailable
	}
	WriteJSON(w, r, status, answer)
}
