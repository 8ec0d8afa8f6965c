package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/tmaxmax/go-sse"

	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/services/order/internal/watch"
)

const (
	heartbeat  = 15 * time.Second // how often a stream says that it lives
	lifetime   = 15 * time.Minute // of a stream; who comes again shows a token again
	writeLimit = 10 * time.Second // for one event: who reads slower is cut off
	comeAgain  = time.Second      // what streams tell clients to wait for before they connect again
	// lastLook bounds how long a final order's stream waits for the read model to know all of it.
	lastLook = 5 * time.Second
)

// Streams counts those who follow orders, up to a bound.
type Streams struct {
	slots chan struct{}
	gauge prometheus.Gauge
}

// NewStreams allows so many at once.
func NewStreams(most int, reg prometheus.Registerer) (*Streams, error) {
	s := &Streams{make(chan struct{}, most), prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "order_streams", Help: "Customers who follow an order at this moment.",
	})}
	if err := reg.Register(s.gauge); err != nil {
		return nil, fmt.Errorf("stream metrics: %w", err)
	}
	return s, nil
}

// enter takes a slot, if there is one.
func (s *Streams) enter() (leave func(), ok bool) {
	select {
	case s.slots <- struct{}{}:
		s.gauge.Inc()
		return func() { <-s.slots; s.gauge.Dec() }, true
	default:
		return nil, false
	}
}

// FollowOrder streams the customer's order until it is final.
func (a *API) FollowOrder(ctx context.Context, r FollowOrderRequestObject) (FollowOrderResponseObject, error) {
	id, err := parseOrder(r.OrderId)
	if err != nil {
		return nil, err
	}
	w := a.subscribe(id, true) // before reading: then nothing is missed
	s, err := a.see(ctx, id)
	if err != nil {
		w.close()
		return nil, err
	}
	known := deref(r.Params.LastEventID)
	if known == s.tag() && s.complete() {
		w.close()
		return FollowOrder204Response{}, nil
	}
	leave, ok := a.Streams.enter()
	if !ok {
		w.close()
		return nil, errTooManyStreams
	}
	return &stream{api: a, ctx: ctx, watchers: w, sight: s, known: known, leave: leave}, nil
}

// complete tells whether nothing can happen to the order any more, and everything that did is shown, if it ever will be.
func (s *sight) complete() bool {
	return s.order.Final() && (!s.answered || s.view.AsOf.After(s.order.FinishedAt))
}

// stream is an answer that goes on.
type stream struct {
	api      *API
	ctx      context.Context //nolint:containedctx // of the request, whose answer this is
	watchers *watchers
	sight    sight
	known    string // the tag that the client has
	leave    func()

	w       http.ResponseWriter
	control *http.ResponseController
}

// VisitFollowOrderResponse implements FollowOrderResponseObject.
func (s *stream) VisitFollowOrderResponse(w http.ResponseWriter) error {
	defer s.leave()
	defer s.watchers.close()
	s.w, s.control = w, http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // for proxies that gather answers
	w.WriteHeader(http.StatusOK)
	if err := s.run(); err != nil {
		s.api.Log.DebugContext(s.ctx, "a stream broke off", "error", err) // the client went away; it comes again if it cares
	}
	return nil
}

func (s *stream) run() error {
	if err := s.send(&sse.Message{Retry: comeAgain}); err != nil {
		return err
	}
	for end := time.Now().Add(lifetime); time.Now().Before(end); {
		if err := s.tell(); err != nil {
			return err
		}
		if s.sight.order.Final() {
			return s.finish()
		}
		if s.api.await(s.ctx, s.watchers, &s.sight, heartbeat) {
			continue
		}
		if s.over() {
			return nil
		}
		beat := &sse.Message{}
		beat.AppendComment(" ")
		if err := s.send(beat); err != nil {
			return err
		}
	}
	return nil
}

// finish waits until the read model knows all that happened to a final order, and tells that.
func (s *stream) finish() error {
	end, tick := time.NewTimer(lastLook), time.NewTicker(watch.Every)
	defer end.Stop()
	defer tick.Stop()
	for !s.sight.complete() {
		select {
		case <-tick.C:
			s.api.look(s.ctx, &s.sight)
		case <-end.C:
			return s.tell()
		case <-s.ctx.Done():
			return nil
		case <-s.api.Stopping:
			return nil
		}
	}
	return s.tell()
}

// over tells whether nobody is to wait any more.
func (s *stream) over() bool {
	select {
	case <-s.api.Stopping:
		return true
	default:
		return s.ctx.Err() != nil
	}
}

// tell sends the order, unless the client has it.
func (s *stream) tell() error {
	tag := s.sight.tag()
	if tag == s.known {
		return nil
	}
	data, err := json.Marshal(s.sight.show())
	if err != nil {
		return fmt.Errorf("encode an order: %w", err)
	}
	m := &sse.Message{ID: sse.ID(tag), Type: sse.Type("order")}
	m.AppendData(string(data))
	if err := s.send(m); err != nil {
		return err
	}
	s.known = tag
	return nil
}

func (s *stream) send(m *sse.Message) error {
	// The server's own limit is for answers that end.
	if err := s.control.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
		return err
	}
	if _, err := m.WriteTo(s.w); err != nil {
		return err
	}
	return s.control.Flush()
}

var errTooManyStreams = httpserver.NewProblem(http.StatusServiceUnavailable, "overloaded", "Too many orders are being followed. Ask for the order itself.")
