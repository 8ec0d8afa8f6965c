// Package caller calls the provider for open operations: concurrently, outside any transaction, one call in flight for an
// order, and again after each lost answer or crash. What it holds in memory is only a copy: every open operation is in the
// database under a lease, and who finds the lease ended takes it over.
package caller

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/services/payment/internal/payments"
)

// Leases is where operations are taken over from; *store.Leases.
type Leases interface {
	Take(ctx context.Context, now, until time.Time, limit int, forgotten bool, known []uuid.UUID) ([]payments.Operation, error)
	CountOpen(ctx context.Context) (int64, error)
}

// Deps is what a Caller is built on. All fields are required. Submit is the machine's.
type Deps struct {
	Provider payments.Provider
	Leases   Leases
	Submit   func(context.Context, messaging.Message) error
	Log      *slog.Logger
	Metrics  prometheus.Registerer
}

// Config of a Caller. The zero value of a field means its default.
type Config struct {
	Concurrency int           // calls at once, most of which hang when there are many. Default 256.
	Capacity    int           // orders held in memory, of less than 1 KB; what is more waits in the database. Default 50,000.
	Lease       time.Duration // of what is taken over. Default 20 s.
	Sweep       time.Duration // how often ended leases and pauses are looked for. Default 100 ms.
	Drain       time.Duration // how long calls in flight may go on after Run's context ended. Default 4 s.
}

func (c Config) withDefaults() Config {
	if c.Concurrency <= 0 {
		c.Concurrency = 256
	}
	if c.Capacity <= 0 {
		c.Capacity = 50_000
	}
	if c.Lease <= 0 {
		c.Lease = 20 * time.Second
	}
	if c.Sweep <= 0 {
		c.Sweep = 100 * time.Millisecond
	}
	if c.Drain <= 0 {
		c.Drain = 4 * time.Second
	}
	return c
}

// Caller is safe for concurrent use.
type Caller struct {
	deps   Deps
	config Config
	open   prometheus.Gauge
	work   sync.WaitGroup
	ctx    context.Context // the life of calls, which outlive who offered them
	cancel context.CancelFunc

	mu      sync.Mutex
	lines   map[uuid.UUID]*line
	ready   []*line // those that wait for their turn, first come first served
	calling int     // calls at once
	closed  bool
}

// line is one order's operations: the first is the one that is called for, or will be next.
type line struct {
	ops    []payments.Operation
	cancel context.CancelCauseFunc // of the call; nil where it waits for its turn
}

// errSuperseded ends a do that is no longer wanted: its outcome will be asked for by its undo.
var errSuperseded = errors.New("superseded by its undo")

// New returns a caller.
func New(d Deps, c Config) (*Caller, error) {
	c = c.withDefaults()
	ctx, cancel := context.WithCancel(context.Background())
	caller := &Caller{
		deps: d, config: c, ctx: ctx, cancel: cancel, lines: map[uuid.UUID]*line{},
		open: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "payment_operations_open", Help: "Operations that wait for the provider, of all replicas.",
		}),
	}
	if err := d.Metrics.Register(caller.open); err != nil {
		cancel()
		return nil, err
	}
	return caller, nil
}

// Offer takes committed operations under a lease of this replica. It does not block. What does not fit is left to the
// sweep, which finds it forgotten.
func (c *Caller) Offer(ops []payments.Operation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, op := range ops {
		if c.closed {
			return
		}
		switch l := c.lines[op.Order]; {
		case l != nil:
			l.add(op)
		case len(c.lines) < c.config.Capacity:
			l = &line{ops: []payments.Operation{op}}
			c.lines[op.Order] = l
			c.ready = append(c.ready, l)
		}
	}
	c.dispatch()
}

// add puts an operation behind the first. Of each kind only the newest counts; an undo ends its own do's call.
func (l *line) add(op payments.Operation) {
	for i := range l.ops {
		was := &l.ops[i]
		switch {
		case was.Kind != op.Kind:
			continue
		case was.State == payments.Undoing && op.State == payments.Intended: // taken over just before the undo came
			return
		case i > 0 || l.cancel == nil: // not called yet
			*was = op
			return
		case was.Key() == op.Key(): // taken over while it is being called
			return
		case was.State == payments.Intended && op.State == payments.Undoing:
			l.cancel(errSuperseded)
		}
	}
	l.ops = append(l.ops, op)
}

// dispatch starts calls while there is room. The lock is held.
func (c *Caller) dispatch() {
	for c.calling < c.config.Concurrency && len(c.ready) > 0 {
		l := c.ready[0]
		c.ready[0] = nil
		c.ready = c.ready[1:]
		ctx, cancel := context.WithCancelCause(c.ctx)
		l.cancel = cancel
		op := l.ops[0]
		c.calling++
		c.work.Go(func() {
			c.settle(ctx, op)
			cancel(nil)
			c.finish(l)
		})
	}
}

// answered makes room for another call: the COMMIT of an answer takes none, so that answers gather.
func (c *Caller) answered() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calling--
	c.dispatch()
}

// finish makes the line's next operation wait for its turn.
func (c *Caller) finish(l *line) {
	c.mu.Lock()
	defer c.mu.Unlock()
	order := l.ops[0].Order
	l.ops, l.cancel = l.ops[1:], nil
	if len(l.ops) == 0 || c.closed {
		delete(c.lines, order)
		return
	}
	c.ready = append(c.ready, l)
	c.dispatch()
}

// Run sweeps until ctx ends, then lets calls in flight end, and returns. What is offered later is left to others.
func (c *Caller) Run(ctx context.Context) {
	c.sweep(ctx)
	c.mu.Lock()
	c.closed, c.ready = true, nil
	c.mu.Unlock()
	stop := time.AfterFunc(c.config.Drain, c.cancel)
	defer stop.Stop()
	c.work.Wait()
	c.cancel()
}
