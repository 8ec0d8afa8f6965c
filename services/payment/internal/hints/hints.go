// Package hints follows what the provider's webhooks say. A webhook is believed in nothing: it makes payment read the
// operation at the provider, and what is read is taken by the same transition as the answer of a call, under the row's lock,
// whoever comes first. Only a success is taken: whether a refusal may stand is for the caller to find out.
package hints

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/telemetry"
	"ordersaga.internal/services/payment/internal/payments"
)

// Operations is where operations are looked up; *store.Leases.
type Operations interface {
	// Unsettled returns the orders' operations about which the provider may have news.
	Unsettled(ctx context.Context, orders []uuid.UUID) ([]payments.Operation, error)
}

// Deps is what a Reader is built on. All fields are required. Submit is the machine's.
type Deps struct {
	Provider   payments.Provider
	Operations Operations
	Submit     func(context.Context, messaging.Message) error
	Log        *slog.Logger
	Metrics    prometheus.Registerer
}

// Config of a Reader. The zero value of a field means its default.
type Config struct {
	Grace       time.Duration // the answer of the call itself is on its way: nearly always it is there first. Default 100 ms.
	Concurrency int           // reads of one webhook at once. Default 8.
	Webhooks    int           // followed at once; others wait. Default 8.
}

// Reader is safe for concurrent use.
type Reader struct {
	deps   Deps
	config Config
	slots  chan struct{}
	hints  *prometheus.CounterVec
}

// New returns a reader.
func New(d Deps, c Config) (*Reader, error) {
	if c.Grace <= 0 {
		c.Grace = 100 * time.Millisecond
	}
	if c.Concurrency <= 0 {
		c.Concurrency = 8
	}
	if c.Webhooks <= 0 {
		c.Webhooks = 8
	}
	r := &Reader{deps: d, config: c, slots: make(chan struct{}, c.Webhooks), hints: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "payment_hints_total",
		Help: "Successes that the provider reported, by what reading made of them; surfaced: it had been told not to do it any more.",
	}, []string{"outcome"})}
	if err := d.Metrics.Register(r.hints); err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	return r, nil
}

// Take follows the hints. It returns nil once they need not be given again.
func (r *Reader) Take(ctx context.Context, hints []payments.Hint) error {
	if len(hints) == 0 {
		return nil
	}
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	grace := time.NewTimer(r.config.Grace)
	defer grace.Stop()
	select {
	case <-grace.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	keys := map[uuid.UUID][]string{}
	orders := make([]uuid.UUID, 0, len(hints))
	for _, h := range hints {
		if _, seen := keys[h.Order]; !seen {
			orders = append(orders, h.Order)
		}
		keys[h.Order] = append(keys[h.Order], h.Key)
	}
	operations, err := r.deps.Operations.Unsettled(ctx, orders)
	if err != nil {
		return err
	}
	var work errgroup.Group
	work.SetLimit(r.config.Concurrency)
	read := 0
	for _, op := range operations {
		call, ok := op.News()
		if !ok || !slices.ContainsFunc(keys[op.Order], func(k string) bool { return k == "" || k == call.Key }) {
			continue
		}
		read++
		work.Go(func() error { return r.read(ctx, op, call) })
	}
	r.hints.WithLabelValues("known").Add(float64(max(0, len(hints)-read)))
	return work.Wait()
}

// read asks the provider, and submits a success. Where that fails, an open operation is asked for again anyway; of one that
// is not open nobody else will hear.
func (r *Reader) read(ctx context.Context, op payments.Operation, call payments.Call) error {
	ctx = telemetry.WithTraceContext(ctx, op.Traceparent, op.Tracestate)
	found, err := r.deps.Provider.Get(ctx, call)
	if err == nil && found.Outcome != payments.Done {
		r.hints.WithLabelValues("nothing").Inc()
		return nil
	}
	outcome, body := "settled", any(payments.Answered{Order: op.Order, Kind: op.Kind, Key: call.Key, Result: found})
	if !op.Open() {
		outcome, body = "surfaced", payments.Surfaced{Order: op.Order, Kind: op.Kind, Result: found}
	}
	if err == nil {
		err = r.deps.Submit(ctx, messaging.Message{Subject: op.Order, Body: body, Traceparent: op.Traceparent, Tracestate: op.Tracestate})
	}
	switch {
	case err != nil && op.Open():
		r.hints.WithLabelValues("unread").Inc()
		r.deps.Log.DebugContext(ctx, "a webhook was not followed; the operation is asked for anyway",
			"order_id", op.Order, "operation", op.Kind, "error", err)
		return nil
	case err != nil:
		r.hints.WithLabelValues("unread").Inc()
		return err
	case !op.Open():
		r.deps.Log.ErrorContext(ctx, "the provider did what it was told not to do any more, or had refused; it is undone",
			"order_id", op.Order, "operation", op.Kind)
	}
	r.hints.WithLabelValues(outcome).Inc()
	return nil
}
