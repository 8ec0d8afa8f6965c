// Package backlog bounds what is accepted and not done yet: while the broker is away every order leaves a message in the
// outbox; while anything else is, orders do not end.
package backlog

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ordersaga.internal/services/order/internal/admission"
)

// Every is how often the backlog is counted. In between each process adds the orders that it placed, and takes off those
// that it ended; what it adds to the outbox in between may exceed the limit.
const Every = time.Second

// Counts reads how much there is. store.Store does.
type Counts interface {
	// Backlog returns how many messages wait in the outbox, counted up to a limit, and how many orders have not ended.
	Backlog(ctx context.Context, outboxLimit int) (outbox, unfinished int, err error)
}

// Limits at which no more orders are taken.
type Limits struct{ Outbox, Unfinished int }

// Backlog knows whether there is room for more orders.
type Backlog struct {
	counts Counts
	limits Limits

	mu                 sync.Mutex
	outbox, unfinished int // at the last count
	since              int // orders that this process placed since, less those that it ended
}

var _ admission.Backlog = (*Backlog)(nil)

// New returns an empty Backlog, and shows it as the metrics orders_refusing and orders_unfinished.
func New(c Counts, l Limits, reg prometheus.Registerer) (*Backlog, error) {
	b := &Backlog{counts: c, limits: l}
	for _, m := range []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "orders_refusing", Help: "1 while too much waits for the broker or for its end, and no orders are taken.",
		}, func() float64 {
			if b.Full() != "" {
				return 1
			}
			return 0
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "orders_unfinished", Help: "Accepted orders that have not ended. Each replica reports all: use max.",
		}, b.unended),
	} {
		if err := reg.Register(m); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	return b, nil
}

// Full tells why no more orders can be taken for now, "" where they can.
func (b *Backlog) Full() admission.Reason {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.outbox >= b.limits.Outbox:
		return admission.Outbox
	case b.unfinished+b.since >= b.limits.Unfinished:
		return admission.Unfinished
	}
	return ""
}

// Add adds orders that this process placed; those that it ended with a negative number.
func (b *Backlog) Add(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.since += n
}

func (b *Backlog) unended() float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return float64(b.unfinished + b.since)
}

// Run counts until ctx ends. While the database does not answer, the last count holds.
func (b *Backlog) Run(ctx context.Context, log *slog.Logger) error {
	tick := time.NewTicker(Every)
	defer tick.Stop()
	for was := admission.Reason(""); ; {
		if err := b.count(ctx); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "cannot count the backlog", "error", err)
		}
		if is := b.Full(); is != was {
			log.WarnContext(ctx, "the bound of the backlog", "refusing", is != "", "reason", is, "limits", b.limits)
			was = is
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (b *Backlog) count(ctx context.Context) error {
	b.mu.Lock()
	before := b.since
	b.mu.Unlock()
	outbox, unfinished, err := b.counts.Backlog(ctx, b.limits.Outbox)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.outbox, b.unfinished = outbox, unfinished
	b.since -= before // what happened while it was counted may count twice, until the next count
	return nil
}
