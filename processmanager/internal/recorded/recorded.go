// Package recorded reads what happened to orders: their lines from the history, and from the log the bodies, which the
// history does not keep. It changes nothing and is in no group.
package recorded

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/processmanager/internal/shadow"
	"ordersaga.internal/processmanager/internal/store"
	"ordersaga.internal/processmanager/saga"
)

// Wanted says whose history to read.
type Wanted struct {
	Version shadow.Version // that they began with
	Order   uuid.UUID      // of this order only; uuid.Nil: the newest ones
	Limit   int            // how many
}

// ErrOtherVersion is returned for an order that began under another version than the one that is looked at.
var ErrOtherVersion = errors.New("it began under another version")

// page is how many instances are looked through at once.
const page = 500

// Lines returns the histories without the bodies of their messages, the newest order first, and where those bodies are.
func Lines(ctx context.Context, db interface {
	BeginTx(ctx context.Context, o pgx.TxOptions) (pgx.Tx, error)
}, w Wanted) (histories []shadow.History, places []Place, err error) {
	tx, err := db.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, nil, fmt.Errorf("read histories: %w", err)
	}
	defer tx.Rollback(ctx)                                                         //nolint:errcheck // nothing was changed
	if _, err := tx.Exec(ctx, "SET LOCAL statement_timeout = '10s'"); err != nil { // each reads a page, or one order
		return nil, nil, fmt.Errorf("read histories: %w", err)
	}
	orders, err := chosen(ctx, tx, w)
	if err != nil {
		return nil, nil, err
	}
	for _, order := range orders {
		r, entries, err := store.One(ctx, tx, order)
		if err != nil {
			return nil, nil, fmt.Errorf("order %s: %w", order, err)
		}
		h := shadow.History{Order: order}
		for i := range entries {
			e := &entries[i]
			h.Inputs = append(h.Inputs, line(order, e))
			if e.Topic != "" {
				places = append(places, Place{e.Topic, r.Partition, e.Offset})
			}
		}
		histories = append(histories, h)
	}
	return histories, places, nil
}

func line(order uuid.UUID, e *store.Entry) shadow.Input {
	in := shadow.Input{Input: saga.Input{ID: e.InputID, Subject: order}, Type: e.Input, At: e.At, Effect: e.Note.Effect, Reason: e.Reason}
	for _, c := range e.Commands {
		in.Sent = append(in.Sent, c.Type+"#"+strconv.Itoa(c.Attempt))
	}
	return in
}

func chosen(ctx context.Context, q store.Querier, w Wanted) (orders []uuid.UUID, err error) {
	is := func(r *store.Record) bool {
		return r.Definition == w.Version.Definition && r.Version == w.Version.Version
	}
	if w.Order != uuid.Nil {
		r, _, err := store.One(ctx, q, w.Order)
		if err != nil {
			return nil, fmt.Errorf("order %s: %w", w.Order, err)
		}
		if !is(r) {
			return nil, fmt.Errorf("order %s: %w: %s v%d", w.Order, ErrOtherVersion, r.Definition, r.Version)
		}
		return []uuid.UUID{w.Order}, nil
	}
	filter := store.Filter{}
	for len(orders) < w.Limit {
		records, err := store.List(ctx, q, filter, page)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			if is(r) && len(orders) < w.Limit {
				orders = append(orders, r.ID)
			}
		}
		if len(records) < page {
			break
		}
		filter.Before = records[len(records)-1].ID
	}
	return orders, nil
}

// Fill gives the lines their bodies. What is no longer in the log makes a history unreplayable; it is left out and named.
func Fill(histories []shadow.History, bodies map[uuid.UUID]messaging.Message) (whole []shadow.History, broken []shadow.Unreplayable) {
	for _, h := range histories {
		missing := slices.IndexFunc(h.Inputs, func(in shadow.Input) bool {
			_, ok := bodies[in.ID]
			return !ok && !internal(in.Type)
		})
		if missing >= 0 {
			broken = append(broken, shadow.Unreplayable{
				Order: h.Order, Why: fmt.Sprintf("line %d, %s: the record is no longer in the log", missing+1, h.Inputs[missing].Type),
			})
			continue
		}
		for k := range h.Inputs {
			in := &h.Inputs[k]
			if m, ok := bodies[in.ID]; ok {
				in.Body, _ = m.Body.(saga.Message)
				in.Causation, in.Sequence = m.CausationID, m.Sequence
			}
		}
		whole = append(whole, h)
	}
	return whole, broken
}

// internal tells inputs that are no messages.
func internal(kind string) bool {
	for _, m := range []saga.Message{saga.Due{}, saga.Redriven{}, saga.Retry{}, saga.Waive{}, saga.Unwind{}} {
		if m.WireType() == kind {
			return true
		}
	}
	return false
}
