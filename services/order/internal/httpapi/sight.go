package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"ordersaga.internal/contracts"
	"ordersaga.internal/services/order/internal/ordering"
	"ordersaga.internal/services/order/internal/view"
	"ordersaga.internal/services/order/internal/watch"
)

// sight is an order as its customer sees it: our own row, and what the read model adds, if it does.
type sight struct {
	order    ordering.Order
	view     view.Sight
	answered bool // by the read model
}

// see reads the customer's order. Errors: ordering.NotFound; of the database.
func (a *API) see(ctx context.Context, id uuid.UUID) (s sight, err error) {
	ctx, cancel := a.bounded(ctx)
	defer cancel()
	if s.order, err = a.Orders.Order(ctx, customer(ctx), id); err != nil {
		return s, err
	}
	a.look(ctx, &s)
	return s, nil
}

// look asks the read model. What it said once stays, should it be away.
func (a *API) look(ctx context.Context, s *sight) {
	seen, answered := a.Views.Look(ctx, s.order.ID)
	if s.answered = answered; answered {
		s.view = seen[s.order.ID]
	}
}

// tag names the versions of what is shown: ours, then those of the read model's sources.
func (s *sight) tag() string {
	own := strconv.FormatInt(s.order.Version, 10)
	if !s.view.Visible() {
		return own
	}
	return own + "." + s.view.Versions.String()
}

// etag is strong: whatever changes counts one of the versions up.
func (s *sight) etag() string { return `"` + s.tag() + `"` }

func (s *sight) lastModified() *string {
	if !s.view.Visible() {
		return nil
	}
	text := s.view.ChangedAt().UTC().Format(http.TimeFormat)
	return &text
}

// age is how long ago the read model last knew everything.
func (s *sight) age() *int {
	if s.view.AsOf.IsZero() {
		return nil
	}
	seconds := max(0, int(time.Since(s.view.AsOf).Seconds()))
	return &seconds
}

func (s *sight) show() Order {
	out := toOrder(&s.order)
	if !s.view.Visible() {
		return out
	}
	out.Payment = toPayment(&s.view.Row)
	if at := s.view.At[view.OrderDispatched]; !at.IsZero() {
		out.Parcel = &Parcel{ShipmentId: s.view.Shipment, DispatchedAt: at}
	}
	timeline := []Happening{}
	for _, e := range s.view.Timeline() {
		timeline = append(timeline, Happening{Event: e.Kind.String(), At: e.At})
	}
	out.Timeline = &timeline
	return out
}

// toPayment is nil where nothing happened to the payment.
func toPayment(r *view.Row) *Payment {
	if r.Versions[view.Payment] == 0 {
		return nil
	}
	amount := func(kind view.Kind, m contracts.Money) *Money {
		if r.At[kind].IsZero() {
			return nil
		}
		out := toMoney(m)
		return &out
	}
	p := &Payment{
		Authorized: amount(view.PaymentAuthorized, r.Authorized), Captured: amount(view.PaymentCaptured, r.Captured),
		Voided: amount(view.PaymentVoided, r.Voided), Refunded: amount(view.PaymentRefunded, r.Refunded),
	}
	for _, reason := range []contracts.Reason{r.Decline, r.CaptureRefusal} {
		if reason != "" {
			text := string(reason)
			p.Refusal = &text
		}
	}
	return p
}

// watchers wait for one order to change.
type watchers struct {
	own  *watch.Watcher[ordering.State]
	view *watch.Watcher[view.Sight] // nil: for what is ours only
}

func (a *API) subscribe(id uuid.UUID, all bool) *watchers {
	w := &watchers{own: a.Watch.Subscribe(id)}
	if all {
		w.view = a.Sights.Subscribe(id)
	}
	return w
}

func (w *watchers) close() {
	w.own.Close()
	if w.view != nil {
		w.view.Close()
	}
}

// await waits until the order is something else, brings s up to date and returns true; false: nothing came in time, or
// nobody is to wait any more.
func (a *API) await(ctx context.Context, w *watchers, s *sight, wait time.Duration) bool {
	var views <-chan view.Sight
	if w.view != nil {
		views = w.view.Changes
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case state := <-w.own.Changes:
			if state.Newer(s.order.State) {
				s.order.State = state
				return true
			}
		case seen := <-views:
			if seen.Newer(s.view) {
				s.view, s.answered = seen, true
				return true
			}
		case <-timer.C:
			return false
		case <-ctx.Done():
			return false
		case <-a.Stopping:
			return false
		}
	}
}
