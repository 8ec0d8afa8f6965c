package read

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5/pgtype"

	"ordersaga.internal/scripts/internal/check"
)

// gathering is the rows of some orders while they are read, by one goroutine a database. Each writes fields of its own.
type gathering struct {
	ids   []pgtype.UUID
	rows  map[check.ID]*check.Rows // every order asked for
	fence sync.Mutex               // of rows[…].Fence, which three write
}

// Rows implements check.Source.
func (l *Live) Rows(ctx context.Context, orders []check.ID) (map[check.ID]*check.Rows, error) {
	g := &gathering{ids: make([]pgtype.UUID, len(orders)), rows: make(map[check.ID]*check.Rows, len(orders))}
	for i, id := range orders {
		g.ids[i] = pgtype.UUID{Bytes: id, Valid: true}
		g.rows[id] = &check.Rows{}
	}
	var work sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	for name, parts := range map[string][]func(context.Context, *database) error{
		"orders": {g.orders, g.fences}, "payments": {g.operations, g.fences}, "warehouse": {g.holds, g.fences},
		"processmanager": {g.instances, g.history},
	} {
		for _, part := range parts {
			work.Go(func() {
				if err := part(ctx, l.databases[name]); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			})
		}
	}
	work.Wait()
	return g.rows, errors.Join(errs...)
}

const ordersSQL = `
SELECT order_id, customer_id, idempotency_key, lines, total_minor, currency, payment_method, ship_to, status, cancellation, step,
    reason, finished_at IS NOT NULL, version
FROM orders WHERE order_id = ANY ($1)`

func (g *gathering) orders(ctx context.Context, d *database) error {
	var id [16]byte
	var r check.OrderRow
	var lines []byte
	targets := []any{&id, &r.Customer, &r.Key, &lines, &r.Total.Minor, &r.Total.Currency, &r.Method, &r.ShipTo, &r.Status, &r.Cancellation, &r.Step,
		&r.Reason, &r.Finished, &r.Version}
	return d.each(ctx, ordersSQL, []any{g.ids}, targets, func() error {
		own := r
		if err := unmarshal(lines, &own.Lines); err != nil {
			return err
		}
		g.rows[id].Order = &own
		return nil
	})
}

const operationsSQL = `
SELECT order_id, kind, state, command_id, amount_minor, currency, target, settled, done_minor, reference, reason, code, undo_id,
    failures, undone_minor
FROM operation WHERE order_id = ANY ($1) ORDER BY kind`

func (g *gathering) operations(ctx context.Context, d *database) error {
	var id, command [16]byte
	var undo pgtype.UUID
	var r check.OperationRow
	targets := []any{&id, &r.Kind, &r.State, &command, &r.Amount.Minor, &r.Amount.Currency, &r.Target, &r.Settled, &r.Done, &r.Entry, &r.Reason,
		&r.Code, &undo, &r.Failures, &r.Undone}
	return d.each(ctx, operationsSQL, []any{g.ids}, targets, func() error {
		own := r
		own.Command, own.Undo = command, nullable(undo)
		rows := g.rows[id]
		rows.Operations = append(rows.Operations, own)
		return nil
	})
}

func (g *gathering) holds(ctx context.Context, d *database) error {
	var id [16]byte
	var r check.HoldRow
	var lines []byte
	return d.each(ctx, `SELECT order_id, state, lines FROM holds WHERE order_id = ANY ($1)`, []any{g.ids}, []any{&id, &r.State, &lines}, func() error {
		own := r
		if err := unmarshal(lines, &own.Lines); err != nil {
			return err
		}
		g.rows[id].Hold = &own
		return nil
	})
}

const instancesSQL = `
SELECT order_id, version, partition, customer_id, sequence, finished_at IS NOT NULL, command_id, coalesce(attempt, 0), cancelling, state, failed,
    reason, stuck, steps
FROM instance WHERE order_id = ANY ($1)`

func (g *gathering) instances(ctx context.Context, d *database) error {
	var id [16]byte
	var command pgtype.UUID
	var r check.InstanceRow
	targets := []any{&id, &r.Version, &r.Partition, &r.Customer, &r.Sequence, &r.Finished, &command, &r.Attempt, &r.Cancelling, &r.State, &r.Failed,
		&r.Reason, &r.Stuck, &r.Steps}
	return d.each(ctx, instancesSQL, []any{g.ids}, targets, func() error {
		own := r
		own.Command = nullable(command)
		g.rows[id].Instance = &own
		return nil
	})
}

const historySQL = `
SELECT order_id, input_id, transition, at, coalesce(topic, ''), coalesce("offset", 0), input, effect, commands, coalesce(operator, '')
FROM history WHERE order_id = ANY ($1)`

func (g *gathering) history(ctx context.Context, d *database) error {
	var id, input [16]byte
	var r check.HistoryRow
	targets := []any{&id, &input, &r.Transition, &r.At, &r.Topic, &r.Offset, &r.Type, &r.Effect, &r.Commands, &r.Operator}
	return d.each(ctx, historySQL, []any{g.ids}, targets, func() error {
		own := r
		own.Input, own.At = input, r.At.UTC()
		r.Commands = nil // the next row gets its own
		rows := g.rows[id]
		rows.History = append(rows.History, own)
		return nil
	})
}

const fencesSQL = `
SELECT subject, operation, undo, state, command_id, attempt, answer_sequence, answer_type, answer_topic, answer_data
FROM fence WHERE subject = ANY ($1)`

func (g *gathering) fences(ctx context.Context, d *database) error {
	var id [16]byte
	var command pgtype.UUID
	var r check.FenceRow
	targets := []any{&id, &r.Operation, &r.Undo, &r.State, &command, &r.Attempt, &r.Sequence, &r.Type, &r.Topic, &r.Data}
	return d.each(ctx, fencesSQL, []any{g.ids}, targets, func() error {
		own := r
		own.Database, own.Command = d.name, nullable(command)
		g.fence.Lock()
		defer g.fence.Unlock()
		rows := g.rows[id]
		rows.Fence = append(rows.Fence, own)
		return nil
	})
}

func nullable(id pgtype.UUID) *check.ID {
	if !id.Valid {
		return nil
	}
	own := check.ID(id.Bytes)
	return &own
}

func unmarshal(raw []byte, into any) error {
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("lines: %w", err)
	}
	return nil
}
