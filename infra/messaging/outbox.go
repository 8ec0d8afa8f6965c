package messaging

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// The rows' ids are drawn by the insert, after the rows' entities were locked, in the order of the messages: so for one
// subject the order of ids is the order of commits and of sequences. The ORDER BY is what guarantees it.
const insertOutboxSQL = `
INSERT INTO outbox (aggregatetype, aggregateid, type, payload, event_id, source, time, sequence,
                    causationid, attempt, traceparent, tracestate)
SELECT topic, subject, type, payload, id, source, time, sequence,
       cause, nullif(attempt, 0), nullif(parent, ''), nullif(state, '')
FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::text[],
            $9::uuid[], $10::int[], $11::text[], $12::text[])
     WITH ORDINALITY AS m (topic, subject, type, payload, id, source, time, sequence, cause, attempt, parent, state, n)
ORDER BY n`

// insertOutbox stores complete messages for the relay, in their order, in one statement.
func insertOutbox(ctx context.Context, tx pgx.Tx, out []Message) error {
	if len(out) == 0 {
		return nil
	}
	args := outboxArgs(out)
	tag, err := tx.Exec(ctx, insertOutboxSQL, args...)
	if err != nil {
		return fmt.Errorf("insert %d messages into the outbox: %w", len(out), err)
	}
	if tag.RowsAffected() != int64(len(out)) {
		return fmt.Errorf("insert into the outbox: %d of %d rows", tag.RowsAffected(), len(out))
	}
	return nil
}

// outboxArgs are the arguments of insertOutboxSQL, a column each; for those who pipeline it with other statements.
func outboxArgs(out []Message) []any {
	n := len(out)
	var (
		topics, types     = make([]string, n), make([]string, n)
		payloads, sources = make([]string, n), make([]string, n)
		times, sequences  = make([]string, n), make([]string, n)
		parents, states   = make([]string, n), make([]string, n)
		subjects, ids     = make([]pgtype.UUID, n), make([]pgtype.UUID, n)
		causes            = make([]pgtype.UUID, n)
		attempts          = make([]int32, n)
	)
	for i := range out {
		m := &out[i]
		topics[i], types[i], payloads[i], sources[i] = m.Topic, m.Type, string(m.Data), m.Source
		times[i], sequences[i] = spellTime(m.Time), spellSequence(m.Sequence)
		parents[i], states[i], attempts[i] = m.Traceparent, m.Tracestate, int32(m.Attempt)
		subjects[i], ids[i], causes[i] = toPG(m.Subject), toPG(m.ID), toPG(m.CausationID)
	}
	return []any{topics, subjects, types, payloads, ids, sources, times, sequences, causes, attempts, parents, states}
}

// toPG spares pgx the reflection that it needs for uuid.UUID. uuid.Nil is NULL.
func toPG(id uuid.UUID) pgtype.UUID { return pgtype.UUID{Bytes: id, Valid: id != uuid.Nil} }
