package webhook

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/services/payment/internal/payments"
)

// Path is where webhooks are taken.
const Path = "/v1/webhooks"

// Format is how a provider writes its webhooks.
type Format struct {
	SignatureHeader string
	// Hints reads the successes that a body reports. What it does not know is no error: providers tell of many things.
	Hints func(body []byte) ([]payments.Hint, error)
}

// Config of a handler. All fields are required.
type Config struct {
	Format  Format
	Secrets []string // one of them signed; see Verify
	Take    func(context.Context, []payments.Hint) error
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

type handler struct {
	Config

	webhooks *prometheus.CounterVec
}

// New returns the handler: 204 for what was taken, and need not come again; 401 for a signature that does not hold; 400 for
// a body that cannot be read; 413 for one that is too large; 503 for what has to come again.
func New(c Config) (http.Handler, error) {
	h := &handler{Config: c, webhooks: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "payment_webhooks_total", Help: "Webhooks of the provider, by what became of them.",
	}, []string{"outcome"})}
	if err := c.Metrics.Register(h.webhooks); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	r := chi.NewRouter()
	r.NotFound(httpserver.NotFound)
	r.MethodNotAllowed(httpserver.MethodNotAllowed(http.MethodPost))
	r.Post(Path, h.take)
	return r, nil
}

func (h *handler) take(w http.ResponseWriter, r *http.Request) {
	var data bytes.Buffer
	data.Grow(int(min(max(r.ContentLength, 0), 256<<10)) + bytes.MinRead) // so that it need not grow
	_, err := data.ReadFrom(r.Body)                                       // the server bounds it
	body := data.Bytes()
	if err != nil {
		h.webhooks.WithLabelValues("unreadable").Inc()
		httpserver.BadRequest(w, r, err)
		return
	}
	if err := Verify(h.Secrets, r.Header.Get(h.Format.SignatureHeader), body, time.Now()); err != nil {
		h.webhooks.WithLabelValues("unsigned").Inc()
		httpserver.WriteProblem(w, r, httpserver.NewProblem(http.StatusUnauthorized, "invalid-signature", "The signature does not hold."))
		return
	}
	hints, err := h.Format.Hints(body)
	if err != nil {
		h.webhooks.WithLabelValues("unreadable").Inc()
		h.Log.WarnContext(r.Context(), "a signed webhook cannot be read", "error", err)
		httpserver.WriteProblem(w, r, httpserver.NewProblem(http.StatusBadRequest, "invalid-json", ""))
		return
	}
	if err := h.Take(r.Context(), hints); err != nil {
		h.webhooks.WithLabelValues("put_off").Inc()
		h.Log.WarnContext(r.Context(), "a webhook was not followed; the provider will repeat it", "error", err)
		httpserver.WriteProblem(w, r, httpserver.NewProblem(http.StatusServiceUnavailable, "unavailable", ""))
		return
	}
	h.webhooks.WithLabelValues("taken").Inc()
	w.WriteHeader(http.StatusNoContent)
}
