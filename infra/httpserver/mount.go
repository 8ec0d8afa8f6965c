package httpserver

import (
	"fmt"
	"net/http"

	"github.com/go-chi/chi/v5"
)

// Documented returns the handler of a part of the admin port with an OpenAPI document of its own, in YAML: what does not fit
// it is refused before an operation is asked. operations is the generated HandlerWithOptions, on a base router.
func Documented(document []byte, operations func(base chi.Router) http.Handler) (http.Handler, error) {
	contract, err := NewContract(document)
	if err != nil {
		return nil, fmt.Errorf("OpenAPI document: %w", err)
	}
	router := chi.NewRouter()
	router.NotFound(NotFound)
	return WholePath(contract.Middleware(operations(router))), nil
}

// WholePath lets a router that knows whole paths work below another one.
func WholePath(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route := chi.RouteContext(r.Context())
		route.RoutePath, route.RoutePatterns = "", nil
		next.ServeHTTP(w, r)
	})
}
