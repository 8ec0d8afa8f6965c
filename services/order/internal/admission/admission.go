package admission

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/services/order/internal/ordering"
)

// Reason is why an order is not taken now: a label of orders_shed_total.
type Reason string

// The reasons.
const (
	Rate       Reason = "rate"       // more come than are let in a second
	Concurrent Reason = "concurrent" // more are being placed at this moment than may be
	Outbox     Reason = "outbox"     // too many messages wait for the broker
	Unfinished Reason = "unfinished" // too many accepted orders have not ended
)

var reasons = []Reason{Rate, Concurrent, Outbox, Unfinished}

// Limits of one process.
type Limits struct {
	Rate       float64 // orders a second; 0: as many as come
	Burst      int     // at once after a pause; 0: a tenth of Rate
	Concurrent int     // requests that place orders, at once
}

// Validate returns what is wrong with the limits.
func (l Limits) Validate() error {
	var errs []error
	if l.Rate < 0 || math.IsInf(l.Rate, 0) || math.IsNaN(l.Rate) {
		errs = append(errs, errors.New("ADMISSION_RATE must be 0 or more"))
	}
	if l.Burst < 0 {
		errs = append(errs, errors.New("ADMISSION_BURST must be 0 or more"))
	}
	if l.Concurrent < 1 {
		errs = append(errs, errors.New("ADMISSION_CONCURRENT must be at least 1"))
	}
	return errors.Join(errs...)
}

// Backlog tells why no more orders can be taken for now, "" where they can. backlog.Backlog does.
type Backlog interface{ Full() Reason }

// Admission lets requests that place orders in, or not.
type Admission struct {
	backlog Backlog
	bucket  *bucket // nil: there is no limit
	slots   chan struct{}
	repeats *repeats
	shed    *prometheus.CounterVec
}

// New returns an Admission. stored finds which keys have an order.
func New(l Limits, b Backlog, stored Stored, reg prometheus.Registerer) (*Admission, error) {
	a := &Admission{
		backlog: b, slots: make(chan struct{}, l.Concurrent), repeats: newRepeats(stored),
		shed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "orders_shed_total", Help: "Requests to place an order that were answered 503 unread, by the limit that was reached.",
		}, []string{"reason"}),
	}
	if l.Rate > 0 {
		burst := l.Burst
		if burst == 0 {
			burst = max(1, int(l.Rate/10))
		}
		a.bucket = newBucket(l.Rate, burst, time.Now())
	}
	for _, r := range reasons {
		a.shed.WithLabelValues(string(r)) // present from the start, at 0
	}
	if err := reg.Register(a.shed); err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	return a, nil
}

// Run answers whether requests that were not let in repeat an accepted one, until ctx ends.
func (a *Admission) Run(ctx context.Context, log *slog.Logger) error { return a.repeats.run(ctx, log) }

// keyHeader is how a request names the order that it places.
const keyHeader = "Idempotency-Key"

// Middleware lets everything pass that places no order, and what places one within the limits. It goes behind the check of
// the token and before anything that reads the body.
func (a *Admission) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, places := placing(r)
		if !places {
			next.ServeHTTP(w, r)
			return
		}
		select {
		case a.slots <- struct{}{}:
		default:
			a.refuse(w, r, Concurrent)
			return
		}
		defer func() { <-a.slots }()
		t := &ticket{}
		if why := a.take(t); why != "" && !a.repeats.stored(r.Context(), key) {
			a.refuse(w, r, why)
			return
		}
		defer a.settle(t)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), ticketKey{}, t)))
	})
}

// placing tells whether a request would place an order if it is right, and its key. One that cannot is let through to the
// answer that says why.
func placing(r *http.Request) (key ordering.Key, places bool) {
	if r.Method != http.MethodPost || r.URL.Path != "/v1/orders" {
		return key, false
	}
	claims := httpserver.ClaimsFrom(r.Context())
	key = ordering.Key{Customer: claims.Subject, Key: r.Header.Get(keyHeader)}
	return key, claims.Has("customer") && key.Key != ""
}

// take takes a token for t. It returns why there is none.
func (a *Admission) take(t *ticket) Reason {
	if why := a.backlog.Full(); why != "" {
		return why
	}
	if a.bucket == nil {
		return ""
	}
	if !a.bucket.take(time.Now()) {
		return Rate
	}
	t.paid = true
	return ""
}

// settle gives a token back that no order was placed for: the request was wrong, or a repetition.
func (a *Admission) settle(t *ticket) {
	if t.paid && !t.spent {
		a.bucket.giveBack()
	}
}

// ticket is what a request was let in with.
type ticket struct{ paid, spent bool }

type ticketKey struct{}

// Spend notes that the request of ctx placed a new order, or may have. Call it before the handler returns.
func Spend(ctx context.Context) {
	if t, ok := ctx.Value(ticketKey{}).(*ticket); ok {
		t.spent = true
	}
}
