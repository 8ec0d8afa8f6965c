// Package participant is the warehouse's part in the saga: the middle of its machine. Commands come in, stock decides,
// events go out; what operators change comes the same way and shares the transactions.
package participant

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/services/warehouse/internal/stock"
	"ordersaga.internal/services/warehouse/internal/store"
)

// Service is the warehouse's name: its consumer group, and the end of its source.
const Service = "warehouse"

// Topics that the warehouse consumes.
func Topics() []string { return []string{contracts.WarehouseCommands} }

// What can be done once, and undone, for an order.
var (
	reservation = messaging.Operation{Name: "stock", Superseded: func(order uuid.UUID) any {
		return contracts.StockReservationRefused{OrderID: order, Reason: contracts.ReasonSuperseded}
	}}
	dispatch = messaging.Operation{Name: "dispatch"}
)

// Change is a submitted input: what an operator tells the warehouse. Level is its result.
type Change struct {
	stock.Change
	Level stock.Level
}

// Input wraps the change for Machine.Submit.
func (c *Change) Input() messaging.Message {
	return messaging.Message{Subject: uuid.NewSHA1(uuid.NameSpaceOID, []byte("sku/"+c.SKU)), Body: c}
}

// Handler implements messaging.Handler and messaging.Superseder.
type Handler struct {
	fence   messaging.FenceConfig
	metrics metrics
}

// New returns the handler, which counts in r.
func New(codec messaging.Codec, r prometheus.Registerer) (Handler, error) {
	m, err := newMetrics(r)
	return Handler{fence: messaging.FenceConfig{Codec: codec, Source: "/services/" + Service}, metrics: m}, err
}

// Load locks fence, holds and stock, in this order, each sorted.
func (h Handler) Load(ctx context.Context, tx pgx.Tx, in []messaging.Message) (*Batch, error) {
	commands, refs := split(in)
	fence, err := messaging.LoadFence(ctx, tx, h.fence, commands)
	if err != nil {
		return nil, err
	}
	b := &Batch{fence: fence}
	var (
		holds   []stock.Hold
		entries []stock.Entry
		levels  []stock.Level
	)
	if len(commands) > 0 {
		if holds, err = store.Holds(ctx, tx, messaging.Subjects(commands)); err != nil {
			return nil, err
		}
	}
	if len(refs) > 0 {
		if entries, err = store.Entries(ctx, tx, refs); err != nil {
			return nil, err
		}
	}
	if skus := skus(in, holds); len(skus) > 0 {
		if levels, err = store.Levels(ctx, tx, skus); err != nil {
			return nil, err
		}
	}
	b.holds, b.journal, b.levels = stock.NewHolds(holds), stock.NewJournal(entries), stock.NewLevels(levels)
	return b, nil
}

// Decide is the warehouse's answer to everything it can be asked.
func (h Handler) Decide(b *Batch, in messaging.Message, now time.Time) ([]messaging.Message, error) {
	switch c := in.Body.(type) {
	case contracts.ReserveStock: // a repeat sends nothing, or the recorded answer
		return b.fence.Do(in, reservation, func() (any, error) {
			return b.counted(stock.Reserve(b.levels, b.holds, c))
		})
	case contracts.ReleaseStock: // before its command: a tombstone
		return b.fence.Undo(in, reservation, func() (any, error) {
			return b.counted(stock.Release(b.levels, b.holds, c))
		})
	case contracts.DispatchOrder:
		return b.fence.Do(in, dispatch, func() (any, error) {
			return b.counted(stock.Dispatch(b.levels, b.holds, c))
		})
	case *Change:
		return nil, b.change(c, now)
	}
	return nil, messaging.Unhandled(in)
}

// Save writes what changed.
func (h Handler) Save(ctx context.Context, tx pgx.Tx, b *Batch) error {
	if err := b.fence.Save(ctx, tx); err != nil {
		return err
	}
	return store.Save(ctx, tx, b.levels, b.holds, b.journal, b.changedAt)
}

// Committed counts what was done, once.
func (h Handler) Committed(b *Batch) { h.metrics.count(b.tally) }

// Supersedes: an order whose stock is released goes forward no more.
func (h Handler) Supersedes(in messaging.Message) []string {
	if _, undo := in.Body.(contracts.ReleaseStock); undo {
		return []string{"ReserveStock", "DispatchOrder"}
	}
	return nil
}
