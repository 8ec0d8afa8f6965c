// Package backlog bounds what is accepted while the broker is away: every order leaves a message in the outbox, and a
// full outbox takes no more.
package backlog

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Every is how often the outbox is counted; what is accepted in between may exceed the limit.
const Every = time.Second

// Outbox counts its rows up to a limit. store.Store does.
type Outbox interface {
	OutboxRows(ctx context.Context, limit int) (int, error)
}

// Backlog knows whether the outbox is full.
type Backlog struct {
	outbox Outbox
	limit  int
	full   atomic.Bool
}

// New returns a Backlog that is not full, and shows it as the metric orders_refusing.
func New(o Outbox, limit int, reg prometheus.Registerer) (*Backlog, error) {
	b := &Backlog{outbox: o, limit: limit}
	err := reg.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "orders_refusing", Help: "1 while the outbox is full and no orders are taken.",
	}, func() float64 {
		if b.Full() {
			return 1
		}
		return 0
	}))
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	return b, nil
}

// Full tells whether no more orders can be taken for now.
func (b *Backlog) Full() bool { return b.full.Load() }

// Run counts until ctx ends. While the database does not answer, the last count holds.
func (b *Backlog) Run(ctx context.Context, log *slog.Logger) error {
	tick := time.NewTicker(Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		n, err := b.outbox.OutboxRows(ctx, b.limit)
		if err != nil {
			if ctx.Err() == nil {
				log.WarnContext(ctx, "cannot count the outbox", "error", err)
			}
			continue
		}
		if full := n >= b.limit; full != b.full.Swap(full) {
			log.WarnContext(ctx, "the outbox' bound", "full", full, "limit", b.limit)
		}
	}
}
