package messaging

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const sqlLockHeads = `
SELECT subject FROM dead_letter_heads WHERE "group" = $1 AND subject = ANY ($2) ORDER BY subject FOR UPDATE`

// queueLock locks the heads of the batch's keys as part of b.
func (l *letters) queueLock(b *pgx.Batch, items []item) {
	l.locked = make(map[uuid.UUID]struct{})
	in := make([]Message, 0, len(items))
	for i := range items {
		if items[i].msg.Subject != uuid.Nil {
			in = append(in, Message{Subject: items[i].msg.Subject})
		}
	}
	b.Queue(sqlLockHeads, l.group, Subjects(in)).Query(func(rows pgx.Rows) error {
		var subject uuid.UUID
		_, err := pgx.ForEachRow(rows, []any{&subject}, func() error {
			l.locked[subject], l.heads[subject] = struct{}{}, -1
			return nil
		})
		return err
	})
}

// load reads the queues of those locked keys that the batch may free.
func (l *letters) load(ctx context.Context, tx pgx.Tx, items []item) error {
	if l.superseder == nil || len(l.locked) == 0 {
		return nil
	}
	var undone []uuid.UUID
	for i := range items {
		if _, waits := l.locked[items[i].msg.Subject]; waits && len(l.superseder.Supersedes(items[i].msg)) > 0 {
			undone = append(undone, items[i].msg.Subject)
		}
	}
	if len(undone) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, `SELECT id, subject, type FROM dead_letters WHERE "group" = $1 AND subject = ANY ($2) ORDER BY id`, l.group, undone)
	if err != nil {
		return fmt.Errorf("read dead letters: %w", err)
	}
	var s stored
	var subject uuid.UUID
	var kind string
	_, err = pgx.ForEachRow(rows, []any{&s.id, &subject, &kind}, func() error {
		s.name = nameOf(kind)
		l.queues[subject] = append(l.queues[subject], s)
		return nil
	})
	if err != nil {
		return fmt.Errorf("read dead letters: %w", err)
	}
	return nil
}

const (
	sqlAddLetter = `
INSERT INTO dead_letters ("group", subject, topic, topic_id, partition, "offset", reason, error, message_id, type, attempt,
                          key, value, headers, written_at, class, stack, tries, trace_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`
	// A rewind meets the same letters again.
	sqlAddEvent = sqlAddLetter + `
ON CONFLICT ("group", topic, topic_id, partition, "offset") DO NOTHING`
	// Of one command only the newest attempt stays, in the place and with the reason of the first.
	sqlAddCommand = sqlAddLetter + `
ON CONFLICT ("group", message_id) WHERE attempt > 0 DO UPDATE
SET topic_id = excluded.topic_id, partition = excluded.partition, "offset" = excluded."offset", attempt = excluded.attempt,
    key = excluded.key, value = excluded.value, headers = excluded.headers, written_at = excluded.written_at,
    trace_id = excluded.trace_id, edited_at = NULL
WHERE dead_letters.attempt < excluded.attempt`
	sqlFreeKey = `DELETE FROM dead_letter_heads WHERE "group" = $1 AND subject = $2`
)

// queueSave stores what became of the letters and their heads as part of b, and returns how many copies go out.
func (l *letters) queueSave(b *pgx.Batch, now time.Time) (copies int, err error) {
	if len(l.closed) > 0 {
		b.Queue(`DELETE FROM dead_letters WHERE id = ANY ($1)`, l.closed)
	}
	slices.SortFunc(l.added, func(a, b deadLetter) int { return cmp.Compare(a.at, b.at) }) // a key's queue is in the log's order
	for i := range l.added {
		a := &l.added[i]
		sql, args := sqlAddEvent, letterArgs(l.group, a)
		if a.msg.Attempt > 0 && a.msg.ID != uuid.Nil && a.msg.Subject != uuid.Nil {
			sql = sqlAddCommand
		}
		if a.reason != reasonBehind {
			more, err := copyArgs(l.group, a, now)
			if err != nil {
				return 0, err
			}
			copies++
			sql, args = addCopy(sql, len(args)+1), append(args, more...)
		}
		b.Queue(sql, args...)
	}
	for subject := range l.locked {
		if _, still := l.heads[subject]; !still {
			b.Queue(sqlFreeKey, l.group, subject)
		}
	}
	for i := range l.added {
		a := &l.added[i]
		if _, had := l.locked[a.msg.Subject]; !had && a.msg.Subject != uuid.Nil {
			b.Queue(`INSERT INTO dead_letter_heads ("group", subject, partition, since) VALUES ($1, $2, $3, now()) ON CONFLICT DO NOTHING`,
				l.group, a.msg.Subject, a.p.partition)
		}
	}
	return copies, nil
}

func letterArgs(group string, a *deadLetter) []any {
	m := &a.msg
	attempt := m.Attempt
	if m.Subject == uuid.Nil {
		attempt = 0 // a record of no key may wear any command's id
	}
	return []any{
		group, orNull(m.Subject), a.p.topic, a.p.topicID, a.p.partition, a.rec.Offset, string(a.reason), textOf(a.err),
		orNull(m.ID), printable(m.Type), attempt, a.rec.Key, a.rec.Value, marshalHeaders(headersOf(a.rec)), a.rec.Timestamp,
		classOf(a.err), printable(stackOf(a.err)), a.times(), traceID(m.Traceparent),
	}
}

// refreshHeads tells whether any key of the group waits. Where none does, a batch need not look: only this worker makes
// heads for its keys.
func (w *worker[S]) refreshHeads(ctx context.Context) error {
	some := true
	err := w.m.deps.Pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM dead_letter_heads WHERE "group" = $1)`, w.m.cfg.Service).Scan(&some)
	w.headed = some || err != nil // look in every batch, should this fail
	if err != nil {
		return fmt.Errorf("look for dead letters: %w", err)
	}
	return nil
}

func orNull(id uuid.UUID) any {
	if id == uuid.Nil {
		return nil
	}
	return id
}

// printable is what PostgreSQL takes as text.
func printable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

func marshalHeaders(headers []headerJSON) []byte {
	out, err := json.Marshal(headers)
	if err != nil { // strings and bytes always marshal
		return []byte("[]")
	}
	return out
}
