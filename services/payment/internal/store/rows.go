package store

import (
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"ordersaga.internal/services/payment/internal/payments"
)

// scan reads a row of columns.
func scan(row pgx.CollectableRow) (payments.Operation, error) {
	var (
		o                    payments.Operation
		order, command, undo pgtype.UUID
		due                  pgtype.Timestamptz
	)
	err := row.Scan(&order, &o.Kind, &o.State, &command, &o.Amount.AmountMinor, &o.Amount.Currency, &o.PaymentMethod,
		&o.Customer, &o.Target, &o.Settled, &o.DoneMinor, &o.Reference, &o.Reason, &o.Code, &undo, &o.Failures,
		&o.UndoneMinor, &o.Attempts, &due, &o.LeasedBy, &o.Traceparent, &o.Tracestate)
	o.Order, o.Command, o.Undo = order.Bytes, command.Bytes, undo.Bytes
	if due.Valid {
		o.DueAt = due.Time.UTC()
	}
	return o, err
}

// args returns the rows as the arrays that rowsSQL takes.
func args(ops []payments.Operation) []any {
	n := len(ops)
	var (
		orders, commands, undos      = make([]pgtype.UUID, n), make([]pgtype.UUID, n), make([]pgtype.UUID, n)
		kinds, states, currencies    = make([]string, n), make([]string, n), make([]string, n)
		methods, customers, targets  = make([]string, n), make([]string, n), make([]string, n)
		references, reasons, codes   = make([]string, n), make([]string, n), make([]string, n)
		holders, parents, tracestate = make([]string, n), make([]string, n), make([]string, n)
		amounts, done, undone        = make([]int64, n), make([]int64, n), make([]int64, n)
		failures, attempts           = make([]int32, n), make([]int32, n)
		settled                      = make([]bool, n)
		due                          = make([]pgtype.Timestamptz, n)
	)
	for i, o := range ops {
		orders[i], commands[i] = pgtype.UUID{Bytes: o.Order, Valid: true}, pgtype.UUID{Bytes: o.Command, Valid: true}
		undos[i] = pgtype.UUID{Bytes: o.Undo, Valid: o.Undo != uuid.Nil}
		kinds[i], states[i], currencies[i] = string(o.Kind), string(o.State), o.Amount.Currency
		methods[i], customers[i], targets[i] = o.PaymentMethod, o.Customer, o.Target
		references[i], reasons[i], codes[i] = o.Reference, string(o.Reason), o.Code
		holders[i], parents[i], tracestate[i] = o.LeasedBy, o.Traceparent, o.Tracestate
		amounts[i], done[i], undone[i] = o.Amount.AmountMinor, o.DoneMinor, o.UndoneMinor
		failures[i], attempts[i] = int32(o.Failures), int32(o.Attempts)
		settled[i] = o.Settled
		due[i] = pgtype.Timestamptz{Time: o.DueAt, Valid: !o.DueAt.IsZero()}
	}
	return []any{
		orders, kinds, states, commands, amounts, currencies, methods, customers, targets, settled,
		done, references, reasons, codes, undos, failures, undone, attempts, due, holders, parents, tracestate,
	}
}
