package runner

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/processmanager/internal/store"
	"ordersaga.internal/processmanager/saga"
)

// Deps is what a Handler is built on. All fields are required.
type Deps struct {
	Versions *saga.Set
	Customer func(data any) string // who placed the order, for the search; of every version's data
	Log      *slog.Logger
	Metrics  prometheus.Registerer
}

// Config of a Handler. The zero value of a field means its default.
type Config struct {
	Remember  int           // instances whose data is kept in memory. Default 50,000.
	LookEvery time.Duration // the least time between two looks at a partition's deadlines. Default 1 s.
	Storm     StormLimit    // more instances of a step than that without an answer are a deadline storm
	// How often instances are counted for the metrics, and whether a storm is over is looked at. Default 10 s.
	CountEvery time.Duration
}

// Handler is the middle of the machine.
type Handler struct {
	deps    Deps
	cfg     Config
	store   *store.Store
	watch   *watch
	metrics *metrics
	kept    atomic.Pointer[store.Range]
}

var (
	_ messaging.Handler[*Batch] = (*Handler)(nil)
	_ messaging.Timed           = (*Handler)(nil)
)

// New returns a handler that takes no order before Keep was called.
func New(d Deps, c Config) (*Handler, error) {
	if c.Remember == 0 {
		c.Remember = 50_000
	}
	if c.LookEvery == 0 {
		c.LookEvery = time.Second
	}
	if c.CountEvery == 0 {
		c.CountEvery = 10 * time.Second
	}
	if c.Storm = c.Storm.withDefaults(); c.Storm.Validate() != nil {
		return nil, c.Storm.Validate()
	}
	m, err := newMetrics(d.Metrics, d.Versions.Deadlines())
	if err != nil {
		return nil, err
	}
	h := &Handler{deps: d, cfg: c, store: store.New(d.Versions, c.Remember), watch: newWatch(c.LookEvery), metrics: m}
	h.kept.Store(&store.Range{})
	return h, nil
}

// Keep says which orders have a place in the database.
func (h *Handler) Keep(r store.Range) { h.kept.Store(&r) }

// Load locks the instances of the inputs that are a saga's business.
func (h *Handler) Load(ctx context.Context, tx pgx.Tx, in []messaging.Message) (*Batch, error) {
	ours := make([]messaging.Message, 0, len(in))
	for i := range in {
		if h.concerns(&in[i]) {
			ours = append(ours, in[i])
		}
	}
	records, err := h.store.Lock(ctx, tx, messaging.Subjects(ours))
	if err != nil {
		return nil, err
	}
	b := newBatch(records, len(ours))
	b.granted, err = store.Recorded(ctx, tx, wishes(ours)) // after the locks: whoever recorded one held them
	return b, err
}

// concerns tells whether an input may mean something to a saga: all but events that no definition knows.
func (h *Handler) concerns(in *messaging.Message) bool {
	if in.Topic == "" {
		return true
	}
	body, ok := in.Body.(saga.Message)
	return !ok || h.deps.Versions.Binds(body.WireType())
}

// Why an input is refused: an event becomes a dead letter, an operator is told.
var (
	ErrNoInstance = errors.New("the order has no saga instance")
	ErrNotKept    = errors.New("the order is older than the oldest kept partition")
	ErrTooNew     = errors.New("the order is younger than the newest partition")
	ErrNotV7      = errors.New("the order id is not a UUIDv7")
)

// Decide starts or moves the instance of the input.
func (h *Handler) Decide(b *Batch, in messaging.Message, now time.Time) ([]messaging.Message, error) {
	if !h.concerns(&in) {
		return nil, nil
	}
	input := saga.Input{ID: in.ID, Subject: in.Subject, Causation: in.CausationID, Sequence: in.Sequence}
	wish, _ := in.Body.(*Wish)
	if wish != nil {
		input.Body = wish.Input
	} else {
		body, ok := in.Body.(saga.Message)
		if !ok {
			return nil, messaging.Unhandled(in)
		}
		input.Body = body
	}
	s := b.slots[in.Subject]
	if s == nil {
		return h.begin(b, &in, input, now)
	}
	if wish != nil {
		if note, again := b.before(in.Subject, in.ID); again {
			wish.Effect, wish.Text = note.Effect, note.Text
			return nil, nil
		}
	}
	if input.ID == uuid.Nil { // a deadline: nobody else named it
		input.ID = uuid.NewSHA1(in.Subject, []byte("transition/"+itoa(s.rec.Transitions+1)))
	}
	next, out, note, err := h.deps.Versions.Apply(s.rec.Instance, input, now)
	if err != nil {
		return nil, err
	}
	moved, before := note.Effect == saga.Applied || note.Effect == saga.Jammed, s.rec.Stuck
	if moved {
		b.count(s.rec.Steps, next.Steps)
		b.move(s, next, now)
	}
	b.note(s.rec, &in, input, note, out, now)
	if wish != nil {
		wish.Effect, wish.Text = note.Effect, note.Text
	}
	return append(messages(s.rec, &in, out), notices(s.rec, before)...), nil
}

// begin is Decide for an order without an instance. An answer can only follow a command, which can only follow the
// instance: whatever is not a start is refused.
func (h *Handler) begin(b *Batch, in *messaging.Message, input saga.Input, now time.Time) ([]messaging.Message, error) {
	switch input.Body.(type) {
	case saga.Due, saga.Redriven:
		return nil, nil // detached since it was looked for
	}
	if err := h.keeps(in.Subject); err != nil {
		return nil, err
	}
	if in.Topic == "" || !h.deps.Versions.Starts(input.Body.WireType()) {
		return nil, ErrNoInstance
	}
	instance, out, note, err := h.deps.Versions.Start(input, now)
	if err != nil {
		return nil, err
	}
	placed := in.Time
	if placed.IsZero() {
		placed = now
	}
	s := &slot{fresh: true, rec: &store.Record{
		Partition: in.Partition, PlacedAt: placed, StartedAt: now, CustomerID: h.deps.Customer(instance.Data),
		Traceparent: in.Traceparent, Tracestate: in.Tracestate,
	}}
	b.slots[in.Subject] = s
	b.count(nil, instance.Steps)
	b.move(s, instance, now)
	b.note(s.rec, in, input, note, out, now)
	return messages(s.rec, in, out), nil
}

// keeps returns why an order has no place in the database, nil where it has one.
func (h *Handler) keeps(order uuid.UUID) error {
	kept := h.kept.Load()
	switch {
	case order.Version() != 7:
		return ErrNotV7
	case less(order, kept.From):
		return ErrNotKept
	case !less(order, kept.To):
		return ErrTooNew
	}
	return nil
}

// messages returns the commands as they leave. What no event led to continues the trace of the order.
func messages(rec *store.Record, in *messaging.Message, commands []saga.Outgoing) []messaging.Message {
	out := make([]messaging.Message, len(commands))
	for i, c := range commands {
		out[i] = messaging.Message{ID: c.ID, Attempt: c.Attempt, Sequence: c.Sequence, Body: c.Body}
		if in.Traceparent == "" {
			out[i].Traceparent, out[i].Tracestate = rec.Traceparent, rec.Tracestate
		}
	}
	return out
}

// Save writes what the batch changed.
func (h *Handler) Save(ctx context.Context, tx pgx.Tx, b *Batch) error {
	fresh, changed := b.dirty()
	return h.store.Save(ctx, tx, fresh, changed, b.entries)
}

// Committed counts what happened and calls for an operator where one is needed.
func (h *Handler) Committed(b *Batch) {
	fresh, changed := b.dirty()
	h.store.Committed(fresh, changed)
	h.metrics.count(b)
	for _, e := range b.entries {
		if e.Note.Effect == saga.Jammed {
			h.deps.Log.Error("saga instance is stuck: an operator is needed", "order_id", e.OrderID, "why", e.Note.Text,
				"state", e.Note.To, "input", e.Input, "trace_id", e.TraceID)
		}
	}
}
