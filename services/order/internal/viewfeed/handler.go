// Package viewfeed is the middle of the read model's machine: it takes events, and sends nothing.
package viewfeed

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/services/order/internal/view"
	"ordersaga.internal/services/order/internal/viewstore"
)

// Handler is a messaging.Handler. It is Timed without having a deadline: so it learns up to when the log was read.
type Handler struct{}

var _ messaging.Timed = Handler{}

// Batch is the rows of a batch, in the generation that is live until it ends.
type Batch struct {
	book       *view.Book
	generation int32
}

// Load locks the rows.
func (Handler) Load(ctx context.Context, tx pgx.Tx, in []messaging.Message) (*Batch, error) {
	book, generation, err := viewstore.Load(ctx, tx, messaging.Subjects(in))
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	return &Batch{book, generation}, nil
}

// Decide is pure.
func (Handler) Decide(b *Batch, in messaging.Message, _ time.Time) ([]messaging.Message, error) {
	return nil, b.book.Apply(in.Subject, Event(&in))
}

// Event is what the read model sees of a message.
func Event(in *messaging.Message) view.Event {
	return view.Event{Source: in.Source, Sequence: in.Sequence, Time: in.Time, Body: in.Body}
}

// Save stores what changed.
func (Handler) Save(ctx context.Context, tx pgx.Tx, b *Batch) error {
	return viewstore.Save(ctx, tx, b.generation, b.book)
}

// Committed has nobody to tell: who shows orders asks the database.
func (Handler) Committed(*Batch) {}

// Due notes up to when each partition's log is in the read model. Nothing is ever due.
func (Handler) Due(ctx context.Context, tx pgx.Tx, until map[int32]time.Time, _ int) ([]messaging.Message, error) {
	return nil, viewstore.Refresh(ctx, tx, until)
}

// Redriven starts no deadline anew.
func (Handler) Redriven() any { return nil }

// Defer has nothing to defer.
func (Handler) Defer(context.Context, pgx.Tx, int32, time.Duration) error { return nil }
