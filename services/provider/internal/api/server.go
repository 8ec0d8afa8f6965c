// Package api is the sandbox provider over HTTP, as contracts/openapi/provider.yaml describes it.
package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"ordersaga.internal/services/provider/internal/faults"
)

// Config of a Server.
type Config struct {
	APIKey string        // what callers show as a bearer token; required
	Hold   time.Duration // how long an unanswered request is kept open before its connection is cut; default 30 s
}

// Server answers HTTP requests.
type Server struct {
	store  *Store
	board  *faults.Board
	config Config
	key    [sha256.Size]byte
	calls  *prometheus.CounterVec
	mux    *http.ServeMux

	ctx  context.Context // the life of late operations, which outlive their requests
	stop context.CancelFunc
	late sync.WaitGroup
}

// New returns a server over the store.
func New(store *Store, registry *prometheus.Registry, c Config) *Server {
	if c.Hold <= 0 {
		c.Hold = 30 * time.Second
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{
		store: store, board: faults.NewBoard(), config: c, key: sha256.Sum256([]byte(c.APIKey)),
		mux: http.NewServeMux(), ctx: ctx, stop: stop,
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "provider_requests_total", Help: "Requests for an operation, by what came of them.",
		}, []string{"operation", "outcome"}),
	}
	registry.MustRegister(s.calls)
	s.routes(registry)
	return s
}

func (s *Server) routes(registry *prometheus.Registry) {
	protected := func(pattern string, h http.HandlerFunc) { s.mux.Handle(pattern, s.authenticate(h)) }
	protected("POST /v1/authorizations", s.authorize)
	protected("POST /v1/authorizations/{id}/capture", s.capture)
	protected("POST /v1/authorizations/{id}/void", s.void)
	protected("POST /v1/captures/{id}/refund", s.refund)
	protected("GET /v1/operations", s.find)
	protected("GET /v1/operations/{key}", s.get)
	protected("POST /v1/operations/{key}/close", s.close)
	protected("GET /v1/ledger", s.ledger)
	protected("GET /v1/faults", s.listFaults)
	protected("POST /v1/faults", s.setFault)
	protected("DELETE /v1/faults", s.clearFaults)
	protected("DELETE /v1/keys", s.forgetKeys)
	ok := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }
	s.mux.HandleFunc("GET /livez", ok)
	s.mux.HandleFunc("GET /readyz", s.ready)
	s.mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Stop gives up late operations that have not begun, and waits for those that have.
func (s *Server) Stop() {
	s.stop()
	s.late.Wait()
}

func (s *Server) authenticate(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		shown := sha256.Sum256([]byte(token))
		if !ok || subtle.ConstantTimeCompare(shown[:], s.key[:]) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			problem(w, http.StatusUnauthorized, "unauthenticated", "a valid API key is needed")
			return
		}
		next(w, r)
	})
}

func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	select {
	case <-s.store.Failed():
		problem(w, http.StatusServiceUnavailable, "unavailable", "the ledger cannot be written")
	default:
		w.WriteHeader(http.StatusOK)
	}
}
