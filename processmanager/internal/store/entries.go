package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"ordersaga.internal/processmanager/saga"
)

// entryArgs collects the columns of historySQL.
func entryArgs(entries []*Entry) []any {
	n := len(entries)
	orders, inputs := make([]pgtype.UUID, n), make([]pgtype.UUID, n)
	transitions, offsets, times := make([]int32, n), make([]int64, n), make([]pgtype.Timestamptz, n)
	topics, kinds, effects := make([]string, n), make([]string, n), make([]string, n)
	from, to, notes := make([]string, n), make([]string, n), make([]string, n)
	commands, traces := make([]string, n), make([]string, n)
	operators, reasons := make([]string, n), make([]string, n)
	for k, e := range entries {
		orders[k], inputs[k], transitions[k] = id(e.OrderID), id(e.InputID), int32(e.Transition)
		times[k], offsets[k], topics[k], kinds[k] = at(e.At), e.Offset, e.Topic, e.Input
		effects[k], from[k], to[k] = string(e.Note.Effect), string(e.Note.From), string(e.Note.To)
		notes[k], commands[k], traces[k] = e.Note.Text, formatSent(e.Commands), e.TraceID
		operators[k], reasons[k] = e.Operator, e.Reason
	}
	return []any{
		orders, inputs, transitions, times, offsets, topics, kinds, effects, from, to, notes, commands, traces, operators, reasons,
	}
}

func readEntries(rows pgx.Rows) ([]Entry, error) {
	var (
		e                          Entry
		order, input               pgtype.UUID
		when                       pgtype.Timestamptz
		effect, from, to, commands string
		out                        []Entry
	)
	targets := []any{
		&order, &input, &e.Transition, &when, &e.Offset, &e.Topic, &e.Input, &effect, &from, &to, &e.Note.Text,
		&commands, &e.TraceID, &e.Operator, &e.Reason,
	}
	_, err := pgx.ForEachRow(rows, targets, func() (err error) {
		e.OrderID, e.InputID, e.At = order.Bytes, input.Bytes, when.Time.UTC()
		e.Note.Effect, e.Note.From, e.Note.To = saga.Effect(effect), saga.State(from), saga.State(to)
		e.Commands, err = parseSent(commands)
		out = append(out, e)
		return err
	})
	return out, err
}

// Recorded returns what those of the inputs did that are in the history.
func Recorded(ctx context.Context, q Querier, keys []EntryKey) (map[EntryKey]saga.Note, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	orders, inputs := make([]pgtype.UUID, len(keys)), make([]pgtype.UUID, len(keys))
	for k := range keys {
		orders[k], inputs[k] = id(keys[k].OrderID), id(keys[k].InputID)
	}
	rows, err := q.Query(ctx, recordedSQL, orders, inputs)
	if err != nil {
		return nil, fmt.Errorf("look into the history: %w", err)
	}
	var (
		order, input     pgtype.UUID
		effect, from, to string
		text             string
		out              = make(map[EntryKey]saga.Note)
	)
	_, err = pgx.ForEachRow(rows, []any{&order, &input, &effect, &from, &to, &text}, func() error {
		out[EntryKey{order.Bytes, input.Bytes}] = saga.Note{
			Effect: saga.Effect(effect), From: saga.State(from), To: saga.State(to), Text: text,
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look into the history: %w", err)
	}
	return out, nil
}

// A command in the history is "ReserveStock.v1#1": wire type and attempt.
func formatSent(commands []Sent) string {
	var b []byte
	for i, c := range commands {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, c.Type...), '#')
		b = strconv.AppendInt(b, int64(c.Attempt), 10)
	}
	return string(b)
}

func parseSent(text string) ([]Sent, error) {
	if text == "" {
		return nil, nil
	}
	var out []Sent
	for part := range strings.SplitSeq(text, ",") {
		kind, attempt, _ := strings.Cut(part, "#")
		n, err := strconv.Atoi(attempt)
		if err != nil {
			return nil, fmt.Errorf("command %q: %w", part, err)
		}
		out = append(out, Sent{Type: kind, Attempt: n})
	}
	return out, nil
}
