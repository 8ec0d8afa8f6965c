package messaging

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// Locking and reading are two statements: a transaction that waited for a lock sees only the second way what the other
// one inserted, and without it would draw a sequence twice.
const (
	lockFenceSQL = `
SELECT count(*) FROM (
    SELECT FROM fence WHERE subject = ANY($1) ORDER BY subject, operation, undo FOR UPDATE) AS locked`

	loadFenceSQL = `
SELECT subject, operation, undo, state, command_id, attempt, traceparent, tracestate,
       answer_sequence, answer_type, answer_topic, answer_time, answer_data
FROM fence WHERE subject = ANY($1) ORDER BY subject, operation, undo`

	fenceColumns = `unnest($1::uuid[], $2::text[], $3::bool[], $4::text[], $5::uuid[], $6::int[], $7::text[], $8::text[],
            $9::bigint[], $10::text[], $11::text[], $12::timestamptz[], $13::text[])
     AS n (subject, operation, undo, state, command_id, attempt, traceparent, tracestate,
           answer_sequence, answer_type, answer_topic, answer_time, answer_data)`

	// A row that appeared meanwhile is a unique violation: the batch is tried again and will see it.
	insertFenceSQL = `
INSERT INTO fence (subject, operation, undo, state, command_id, attempt, traceparent, tracestate,
                   answer_sequence, answer_type, answer_topic, answer_time, answer_data)
SELECT * FROM ` + fenceColumns

	updateFenceSQL = `
UPDATE fence AS f
SET state = n.state, attempt = n.attempt, traceparent = n.traceparent, tracestate = n.tracestate,
    answer_sequence = n.answer_sequence, answer_type = n.answer_type, answer_topic = n.answer_topic,
    answer_time = n.answer_time, answer_data = n.answer_data
FROM ` + fenceColumns + `
WHERE f.subject = n.subject AND f.operation = n.operation AND f.undo = n.undo`
)

// LoadFence reads and locks what is remembered of the subjects of the messages. Call it after the entities were locked.
func LoadFence(ctx context.Context, tx pgx.Tx, c FenceConfig, in []Message) (*Fence, error) {
	now := time.Now
	if c.Now != nil {
		now = c.Now
	}
	f := NewFence(c, now())
	subjects := make([]pgtype.UUID, 0, len(in))
	for _, subject := range Subjects(in) {
		subjects = append(subjects, toPG(subject))
		f.books[subject] = &book{}
	}
	batch := &pgx.Batch{}
	batch.Queue(lockFenceSQL, subjects)
	batch.Queue(loadFenceSQL, subjects)
	results := tx.SendBatch(ctx, batch)
	if _, err := results.Exec(); err != nil {
		return nil, errors.Join(fmt.Errorf("lock fence: %w", err), results.Close())
	}
	rows, err := results.Query()
	if err == nil {
		err = f.read(rows)
	}
	if err := errors.Join(err, results.Close()); err != nil {
		return nil, fmt.Errorf("load fence: %w", err)
	}
	return f, nil
}

func (f *Fence) read(rows pgx.Rows) error {
	var (
		subject, id pgtype.UUID
		state       string
		at          pgtype.Timestamptz
		e           entry
	)
	targets := []any{
		&subject, &e.operation, &e.undo, &state, &id, &e.attempt, &e.parent, &e.tracestat,
		&e.sequence, &e.kind, &e.topic, &at, &e.data,
	}
	_, err := pgx.ForEachRow(rows, targets, func() error {
		e.state, e.id, e.time, e.stored = fenceState(state), id.Bytes, at.Time.UTC(), true
		b := f.book(subject.Bytes)
		b.entries = append(b.entries, e)
		b.highest = max(b.highest, e.sequence)
		e.data = nil // the next row gets its own
		return nil
	})
	return err
}

// Save writes what changed: one statement for what is new, one for what was there, in one round trip. Errors: a unique
// violation where another transaction came first; the whole batch must be tried again.
func (f *Fence) Save(ctx context.Context, tx pgx.Tx) error {
	fresh, known := f.dirty()
	batch := &pgx.Batch{}
	for _, part := range []struct {
		sql  string
		rows []fenceRow
	}{{insertFenceSQL, fresh}, {updateFenceSQL, known}} {
		if len(part.rows) == 0 {
			continue
		}
		want := int64(len(part.rows))
		batch.Queue(part.sql, fenceArgs(part.rows)...).Exec(func(tag pgconn.CommandTag) error {
			if tag.RowsAffected() != want {
				return fmt.Errorf("%d of %d rows", tag.RowsAffected(), want)
			}
			return nil
		})
	}
	if batch.Len() == 0 {
		return nil
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("save fence: %w", err)
	}
	for _, r := range append(fresh, known...) {
		r.stored, r.dirty = true, false
	}
	return nil
}

type fenceRow struct {
	subject uuid.UUID
	*entry
}

// dirty returns what changed, each part in primary-key order.
func (f *Fence) dirty() (fresh, known []fenceRow) {
	for _, subject := range f.subjects() {
		b := f.books[subject]
		for i := range b.entries {
			e := &b.entries[i]
			switch {
			case !e.dirty:
			case e.stored:
				known = append(known, fenceRow{subject, e})
			default:
				fresh = append(fresh, fenceRow{subject, e})
			}
		}
	}
	return fresh, known
}

func (f *Fence) subjects() []uuid.UUID {
	ids := make([]uuid.UUID, 0, len(f.books))
	for subject := range f.books {
		ids = append(ids, subject)
	}
	sortUUIDs(ids)
	return ids
}

func fenceArgs(rows []fenceRow) []any {
	n := len(rows)
	var (
		subjects, ids         = make([]pgtype.UUID, n), make([]pgtype.UUID, n)
		operations, states    = make([]string, n), make([]string, n)
		undos, attempts       = make([]bool, n), make([]int32, n)
		parents, tracestates  = make([]string, n), make([]string, n)
		sequences             = make([]int64, n)
		kinds, topics, values = make([]string, n), make([]string, n), make([]string, n)
		times                 = make([]pgtype.Timestamptz, n)
	)
	for i, r := range rows {
		subjects[i], operations[i], undos[i], states[i] = toPG(r.subject), r.operation, r.undo, string(r.state)
		ids[i], attempts[i], parents[i], tracestates[i] = toPG(r.id), int32(r.attempt), r.parent, r.tracestat
		sequences[i], kinds[i], topics[i], values[i] = r.sequence, r.kind, r.topic, string(r.data)
		times[i] = pgtype.Timestamptz{Time: r.time, Valid: !r.time.IsZero()}
	}
	return []any{
		subjects, operations, undos, states, ids, attempts, parents, tracestates,
		sequences, kinds, topics, times, values,
	}
}
