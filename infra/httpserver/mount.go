package httpserver

import (
	"net/http"

	"github.com/go-chi/chi/v5"
)

// WholePath lets a router that knows whole paths work below another one.
func WholePath(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route := chi.RouteContext(r.Context())
		route.RoutePath, route.RoutePatterns = "", nil
		next.ServeHTTP(w, r)
	})
}
