package messaging

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
)

// errRepeated ends the transaction of a wish that was granted before: it is answered as the first time.
var errRepeated = errors.New("the wish was granted before")

// repair is one transaction of an operator over one letter, under the lock of its key's head.
type repair struct {
	action string
	letter int64
	wish   Wish
	queue  queue // of the letter's key
	target queued
	entry  AuditEntry
	same   func(before AuditEntry) bool // whether what was granted under the wish's key is this; nil: it is
}

// EditLetter replaces bytes of a letter, which stays where it is in its queue. What was wrong with it must be right then: FlawedError where it cannot be read all the same. Errors:
// that; ErrNoLetter; ErrOtherEdit; of the database, after which the wish may be repeated with its key.
func (m *Machine[S]) EditLetter(ctx context.Context, letter int64, to Edit, w Wish) (AuditEntry, error) {
	r := &repair{action: ActionEdit, letter: letter, wish: w, same: to.made}
	err := m.repair(ctx, r, func(_ pgx.Tx, last *pgx.Batch) error {
		after := *r.target.rec
		to.apply(&after, r.queue.subject == uuid.Nil)
		edited := m.readRecord(r.target.p, &after)
		switch {
		case edited.fate == dead:
			return &FlawedError{edited.err}
		case edited.fate == skipped:
			return &FlawedError{fmt.Errorf("%q is no type that is handled here", edited.msg.Type)}
		case r.queue.subject != uuid.Nil && edited.msg.Subject != r.queue.subject:
			return &FlawedError{errors.New("it would be another key's")}
		}
		headers := headersOf(&after)
		r.entry.After = &Record{Key: after.Key, Value: after.Value, Headers: forPeople(headers)}
		last.Queue(`
UPDATE dead_letters SET key = $2, value = $3, headers = $4, message_id = $5, type = $6, attempt = $7, trace_id = $8, edited_at = now()
WHERE id = $1`, letter, after.Key, after.Value, marshalHeaders(headers), orNull(edited.msg.ID), printable(edited.msg.Type),
			edited.msg.Attempt, traceID(edited.msg.Traceparent))
		return nil
	})
	return r.entry, err
}

// made tells whether it is the edit that the audit's entry is of.
func (e Edit) made(entry AuditEntry) bool {
	again := kgo.Record{Key: entry.Before.Key, Value: entry.Before.Value, Headers: kafkaHeaders(fromPeople(entry.Before.Headers))}
	e.apply(&again, entry.Subject == uuid.Nil)
	return bytes.Equal(again.Key, entry.After.Key) && bytes.Equal(again.Value, entry.After.Value) &&
		bytes.Equal(marshalHeaders(headersOf(&again)), marshalHeaders(fromPeople(entry.After.Headers)))
}

func (e Edit) apply(r *kgo.Record, keyless bool) {
	if e.Value != nil {
		r.Value = e.Value
	}
	if e.Key != nil && keyless {
		r.Key = e.Key
	}
	if e.Headers == nil {
		return
	}
	r.Headers = make([]kgo.RecordHeader, len(e.Headers))
	for i, h := range e.Headers {
		r.Headers[i] = kgo.RecordHeader{Key: h.Name, Value: h.Value}
	}
}

// DiscardLetter gives a letter up: it is never handled, nor is its record when the log is read again. Where it was the only
// one of its key, the key flows again. Errors: ErrNoLetter; of the database, after which the wish may be repeated with its
// key.
func (m *Machine[S]) DiscardLetter(ctx context.Context, letter int64, w Wish) (AuditEntry, error) {
	r := &repair{action: ActionDiscard, letter: letter, wish: w}
	var t turn[S]
	err := m.repair(ctx, r, func(tx pgx.Tx, last *pgx.Batch) error {
		last.Queue(`DELETE FROM dead_letters WHERE id = $1`, letter)
		if r.queue.subject == uuid.Nil {
			return nil
		}
		others := false
		err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM dead_letters WHERE "group" = $1 AND subject = $2 AND id <> $3)`,
			m.cfg.Service, r.queue.subject, letter).Scan(&others)
		if err != nil || others {
			return err
		}
		t = turn[S]{queue: queue{subject: r.queue.subject, locked: r.queue.locked}}
		return m.decideQueue(ctx, tx, &t, last)
	})
	if err != nil {
		return r.entry, err
	}
	if t.state != nil {
		m.handler.Committed(*t.state)
	}
	m.wake(t.sent)
	if r.target.p != nil { // not a repeated wish
		m.metrics.census.changed()
		m.metrics.count(tally{r.entry.Topic: {discarded: 1}})
		m.deps.Log.WarnContext(ctx, "an operator discarded a dead letter", "letter_id", letter, "subject", r.entry.Subject,
			"type", r.entry.Type, "operator", w.Operator, "reason", w.Reason)
	}
	return r.entry, nil
}

// repair locks the letter, its key's head before it, lets change queue what it does, and adds it to the audit.
func (m *Machine[S]) repair(ctx context.Context, r *repair, change func(tx pgx.Tx, last *pgx.Batch) error) error {
	var subject *uuid.UUID
	err := m.deps.Pool.QueryRow(ctx, `SELECT subject FROM dead_letters WHERE "group" = $1 AND id = $2`, m.cfg.Service, r.letter).Scan(&subject)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("look for a dead letter: %w", err)
	}
	first := &pgx.Batch{}
	if subject != nil {
		r.queue.subject = *subject
		r.queue.lockHead(first, m.cfg.Service)
	}
	err = inTransaction(ctx, m.deps.Pool, first, func(tx pgx.Tx) (*pgx.Batch, error) {
		again, found, err := findWish(ctx, tx, m.cfg.Service, r.action, r.letter, r.wish)
		if err != nil {
			return nil, err
		}
		if found {
			if r.entry = again; r.same != nil && !r.same(again) {
				return nil, ErrOtherEdit
			}
			return nil, errRepeated
		}
		if err := m.lockTarget(ctx, tx, r); err != nil {
			return nil, err
		}
		last := &pgx.Batch{}
		if err := change(tx, last); err != nil {
			return nil, err
		}
		return last, r.audit(ctx, tx, m.cfg.Service)
	})
	if errors.Is(err, errRepeated) {
		return nil
	}
	return err
}

func (m *Machine[S]) lockTarget(ctx context.Context, tx pgx.Tx, r *repair) error {
	rows, err := tx.Query(ctx, sqlSole, m.cfg.Service, r.letter)
	if err != nil {
		return fmt.Errorf("read a dead letter: %w", err)
	}
	letters, err := m.readLetters(rows)
	if err != nil {
		return err
	}
	if len(letters) == 0 {
		return ErrNoLetter
	}
	r.target = letters[0]
	rec, at := r.target.rec, r.target.p
	r.entry = AuditEntry{
		Operator: r.wish.Operator, Action: r.action, Reason: r.wish.Reason, LetterID: r.letter, Subject: r.queue.subject,
		Topic: at.topic, Partition: at.partition, Offset: rec.Offset, Type: r.target.msg.Type, Ended: true,
		Before: &Record{Key: rec.Key, Value: rec.Value, Headers: forPeople(headersOf(rec))},
	}
	return nil
}

func forPeople(headers []headerJSON) []Header {
	out := make([]Header, len(headers))
	for i, h := range headers {
		out[i] = Header{h.Key, h.Value}
	}
	return out
}

func fromPeople(headers []Header) []headerJSON {
	out := make([]headerJSON, len(headers))
	for i, h := range headers {
		out[i] = headerJSON{h.Name, h.Value}
	}
	return slices.Clip(out)
}
