package store

import (
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"ordersaga.internal/processmanager/saga"
)

// row receives recordColumns. Its targets are made once for all rows of a query.
type row struct {
	id, command                            pgtype.UUID
	definition, customer, parent, tracest  string
	version, partition                     int32
	placed, started, updated               pgtype.Timestamptz
	resend, deadline, finished             pgtype.Timestamptz
	transitions                            int32
	sequence                               int64
	attempt                                pgtype.Int4
	undo, cancelling                       bool
	state, step, failed, why, stuck, steps string
}

func (r *row) targets() []any {
	return []any{
		&r.id, &r.definition, &r.version, &r.partition, &r.placed, &r.started, &r.customer, &r.parent, &r.tracest,
		&r.transitions, &r.sequence, &r.updated, &r.resend, &r.deadline, &r.finished, &r.command, &r.attempt, &r.undo,
		&r.cancelling, &r.state, &r.step, &r.failed, &r.why, &r.stuck, &r.steps,
	}
}

// record returns the instance of the row, without its data.
func (r *row) record() (*Record, error) {
	steps, err := parseSteps(r.steps)
	if err != nil {
		return nil, fmt.Errorf("instance %s: %w", uuid.UUID(r.id.Bytes), err)
	}
	rec := &Record{
		Instance: saga.Instance[any]{
			ID: r.id.Bytes, Definition: r.definition, Version: int(r.version), State: saga.State(r.state), Steps: steps,
			Cancelling: r.cancelling, Failed: r.failed, Reason: r.why, Stuck: r.stuck, Sequence: r.sequence,
		},
		Partition: r.partition, PlacedAt: r.placed.Time.UTC(), StartedAt: r.started.Time.UTC(), CustomerID: r.customer,
		Traceparent: r.parent, Tracestate: r.tracest, Transitions: int(r.transitions), UpdatedAt: r.updated.Time.UTC(),
		FinishedAt: utc(r.finished),
	}
	if r.command.Valid {
		rec.Outstanding = &saga.Outstanding{
			Command: r.command.Bytes, Step: r.step, Undo: r.undo, Attempt: int(r.attempt.Int32),
			ResendAt: r.resend.Time.UTC(), Deadline: utc(r.deadline),
		}
	}
	return rec, nil
}

func readRecords(rows pgx.Rows) ([]*Record, error) {
	var (
		r   row
		out []*Record
	)
	_, err := pgx.ForEachRow(rows, r.targets(), func() error {
		rec, err := r.record()
		out = append(out, rec)
		return err
	})
	return out, err
}

// moving collects movingColumns of many records, after their ids.
type moving struct {
	ids, commands                          []pgtype.UUID
	transitions                            []int32
	sequences                              []int64
	updated, resend, deadline, finished    []pgtype.Timestamptz
	attempts                               []pgtype.Int4
	undo, cancelling                       []bool
	state, step, failed, why, stuck, steps []string
}

func newMoving(records []*Record) *moving {
	n := len(records)
	c := &moving{
		ids: make([]pgtype.UUID, n), commands: make([]pgtype.UUID, n), transitions: make([]int32, n), sequences: make([]int64, n),
		updated: make([]pgtype.Timestamptz, n), resend: make([]pgtype.Timestamptz, n), deadline: make([]pgtype.Timestamptz, n),
		finished: make([]pgtype.Timestamptz, n), attempts: make([]pgtype.Int4, n), undo: make([]bool, n), cancelling: make([]bool, n),
		state: make([]string, n), step: make([]string, n), failed: make([]string, n), why: make([]string, n),
		stuck: make([]string, n), steps: make([]string, n),
	}
	for k, r := range records {
		c.ids[k] = id(r.ID)
		c.transitions[k], c.sequences[k] = int32(r.Transitions), r.Sequence
		c.updated[k], c.finished[k] = at(r.UpdatedAt), at(r.FinishedAt)
		if o := r.Outstanding; o != nil {
			c.commands[k], c.step[k], c.undo[k] = id(o.Command), o.Step, o.Undo
			c.attempts[k] = pgtype.Int4{Int32: int32(o.Attempt), Valid: true}
			c.resend[k], c.deadline[k] = at(o.ResendAt), at(o.Deadline)
		}
		c.cancelling[k], c.state[k], c.failed[k], c.why[k] = r.Cancelling, string(r.State), r.Failed, r.Reason
		c.stuck[k], c.steps[k] = r.Stuck, formatSteps(r.Steps)
	}
	return c
}

func (c *moving) args() []any {
	return []any{
		c.ids, c.transitions, c.sequences, c.updated, c.resend, c.deadline, c.finished, c.commands, c.attempts, c.undo,
		c.cancelling, c.state, c.step, c.failed, c.why, c.stuck, c.steps,
	}
}

// fixedArgs collects fixedColumns and the data of many records.
func fixedArgs(records []*Record, encode func(any) ([]byte, error)) ([]any, error) {
	n := len(records)
	definitions, customers, parents, states := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	versions, partitions := make([]int16, n), make([]int16, n)
	placed, started := make([]pgtype.Timestamptz, n), make([]pgtype.Timestamptz, n)
	data := make([]string, n)
	for k, r := range records {
		definitions[k], customers[k], parents[k], states[k] = r.Definition, r.CustomerID, r.Traceparent, r.Tracestate
		versions[k], partitions[k] = int16(r.Version), int16(r.Partition)
		placed[k], started[k] = at(r.PlacedAt), at(r.StartedAt)
		encoded, err := encode(r.Data)
		if err != nil {
			return nil, fmt.Errorf("encode data of %s: %w", r.ID, err)
		}
		data[k] = string(encoded)
	}
	return []any{definitions, versions, partitions, placed, started, customers, parents, states, data}, nil
}

// id spares pgx the reflection that it needs for uuid.UUID. uuid.Nil is null.
func id(u uuid.UUID) pgtype.UUID { return pgtype.UUID{Bytes: u, Valid: u != uuid.Nil} }

// at is null for the zero time.
func at(t time.Time) pgtype.Timestamptz { return pgtype.Timestamptz{Time: t, Valid: !t.IsZero()} }

func utc(t pgtype.Timestamptz) time.Time {
	if !t.Valid {
		return time.Time{}
	}
	return t.Time.UTC()
}
