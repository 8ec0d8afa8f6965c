package messaging

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// redrivePatience bounds one wish to redrive; a longer queue takes more wishes.
const redrivePatience = 20 * time.Second

// turn is one transaction of redriving: what became of the front of a queue.
type turn[S any] struct {
	queue   queue
	handled []int64 // letters
	total   int     // those of the wish's turns before included
	stop    *queued // the first that could not be handled
	freed   bool    // none is left, and the key's head is gone: its messages flow again
	state   *S      // where anything was decided
	out     []Message
	sent    int
}

// Redrive handles the letters of a letter's key again, from the first one on and in their order, until none is left or one
// fails again; then the key flows again, by the same transaction that handled the last. New messages go on to queue up
// behind, and two operators at once are one after the other: whoever holds the key's head. A letter of no key is handled
// alone. Errors: ErrNoLetter, ErrKeyWaits; what kept the database from it, after which the wish may be repeated.
func (m *Machine[S]) Redrive(ctx context.Context, letter int64, w Wish) (AuditEntry, error) {
	ctx, cancel := context.WithTimeout(ctx, redrivePatience)
	defer cancel()
	entry, err := openRedrive(ctx, m.deps.Pool, m.cfg.Service, letter, w)
	if err != nil {
		return entry, err
	}
	most, failures, conflicts := redriveLetters, 0, 0
	for !entry.Ended && ctx.Err() == nil {
		t, err := m.redriveTurn(ctx, &entry, most)
		if err == nil {
			failures, conflicts, most = 0, 0, min(2*most, redriveLetters)
			m.redriven(ctx, &entry, &t)
			continue
		}
		if errors.Is(err, ErrNoLetter) || errors.Is(err, ErrKeyWaits) {
			return entry, err
		}
		verdict := verdictOn(err)
		if verdict == contended {
			conflicts++
		}
		switch {
		case verdict != poison && conflicts <= patientConflicts:
			m.metrics.retries.WithLabelValues("redrive").Inc()
			m.deps.Log.WarnContext(ctx, "redriving failed; trying again", "subject", entry.Subject, "failures", failures+1, "error", err)
			if failures++; pause(ctx, failures) != nil {
				return entry, err
			}
		case len(t.queue.letters) > 1: // some of them is at fault: those before it can be handled
			most, conflicts = len(t.queue.letters)/2, 0
		default:
			if err := m.failAgain(ctx, &entry, &t, err); err != nil {
				return entry, err
			}
		}
	}
	return entry, m.whatIsLeft(context.WithoutCancel(ctx), &entry)
}

// redriveTurn is one transaction: the head, then the letters through the handler as in a batch.
func (m *Machine[S]) redriveTurn(ctx context.Context, entry *AuditEntry, most int) (t turn[S], err error) {
	t.queue.subject = entry.Subject
	first := &pgx.Batch{}
	if entry.Subject != uuid.Nil {
		t.queue.lockHead(first, m.cfg.Service)
	}
	err = inTransaction(context.WithoutCancel(ctx), m.deps.Pool, first, func(tx pgx.Tx) (*pgx.Batch, error) {
		if entry.Subject == uuid.Nil {
			err = m.readSole(ctx, tx, &t.queue, entry.LetterID)
		} else {
			err = m.readQueue(ctx, tx, &t.queue, most)
		}
		if err != nil {
			return nil, err
		}
		last := &pgx.Batch{}
		if err := m.decideQueue(ctx, tx, &t, last); err != nil {
			return nil, err
		}
		ended := t.stop != nil || !t.queue.more
		last.Queue(`UPDATE dead_letter_audit SET handled = handled + $2, ended = $3 WHERE id = $1 RETURNING handled`,
			entry.ID, len(t.handled), ended).QueryRow(func(row pgx.Row) error { return row.Scan(&t.total) })
		return last, nil
	})
	return t, err
}

// decideQueue is the middle of a turn: load, decide in order until one fails, save. What is to be stored with COMMIT goes to
// last.
func (m *Machine[S]) decideQueue(ctx context.Context, tx pgx.Tx, t *turn[S], last *pgx.Batch) error {
	in := make([]Message, 0, len(t.queue.letters)+1)
	for i := range t.queue.letters {
		letter := &t.queue.letters[i]
		if letter.fate == dead { // as before
			t.stop = letter
			break
		}
		in = append(in, letter.msg)
	}
	restart := m.restart(t)
	if restart != nil {
		in = append(in, *restart)
	}
	if len(in) > 0 {
		if err := m.handleQueue(ctx, tx, t, in, restart); err != nil {
			return err
		}
	}
	t.freed = t.queue.locked && t.stop == nil && !t.queue.more
	t.sent = m.queueOutbox(last, t.out)
	if len(t.handled) > 0 {
		last.Queue(`DELETE FROM dead_letters WHERE id = ANY ($1)`, t.handled)
	}
	if t.freed {
		last.Queue(sqlFreeKey, m.cfg.Service, t.queue.subject)
	}
	if t.stop == nil {
		return nil
	}
	copies, err := m.queueFailure(last, t.stop)
	t.sent += copies
	return err
}

// restart is the input that starts an entity's deadline anew, where the turn may free a key.
func (m *Machine[S]) restart(t *turn[S]) *Message {
	if m.timed == nil || !t.queue.locked || t.queue.more || t.stop != nil {
		return nil
	}
	body := m.timed.Redriven()
	if body == nil {
		return nil
	}
	return &Message{Subject: t.queue.subject, Partition: m.partition(t.queue.subject), Body: body}
}

func (m *Machine[S]) handleQueue(ctx context.Context, tx pgx.Tx, t *turn[S], in []Message, restart *Message) error {
	s, err := m.load(ctx, tx, in)
	if err != nil {
		return err
	}
	now := m.now()
	for i := range in {
		letter := restart == nil || i < len(in)-1
		if letter && t.queue.letters[i].fate == skipped {
			t.handled = append(t.handled, t.queue.letters[i].id)
			continue
		}
		out, err := m.decide(s, &in[i], now)
		var refused decideError
		switch {
		case errors.As(err, &refused) && letter:
			t.stop = &t.queue.letters[i]
			t.stop.reason, t.stop.err = reasonUndecidable, refused.error
		case err != nil:
			return err
		case letter:
			t.handled = append(t.handled, t.queue.letters[i].id)
		}
		if t.stop != nil {
			break
		}
		t.out = append(t.out, out...)
	}
	t.state = &s
	return m.save(ctx, tx, s)
}

// redriven is after COMMIT.
func (m *Machine[S]) redriven(ctx context.Context, entry *AuditEntry, t *turn[S]) {
	entry.Handled = t.total
	entry.Ended = t.stop != nil || !t.queue.more
	m.wake(t.sent)
	if t.state != nil {
		m.handler.Committed(*t.state)
	}
	counts := make(tally, 1)
	for i := range t.handled {
		counts.add(t.queue.letters[i].p.topic, redriven)
	}
	m.metrics.count(counts)
	m.metrics.census.changed()
	if t.stop != nil {
		m.announceFailure(ctx, t.stop)
	}
	if t.freed {
		m.deps.Log.InfoContext(ctx, "a key's dead letters are handled; it flows again", "subject", entry.Subject, "operator", entry.Operator)
	}
}

// failAgain notes what is wrong with the first letter of a queue, which cannot be loaded or saved.
func (m *Machine[S]) failAgain(ctx context.Context, entry *AuditEntry, t *turn[S], why error) error {
	if len(t.queue.letters) == 0 { // the restart alone
		return fmt.Errorf("the key cannot be freed: %w", why)
	}
	stop := &t.queue.letters[0]
	if stop.fate != dead {
		stop.reason, stop.err = reasonPoison, why
	}
	again := queue{subject: entry.Subject}
	first := &pgx.Batch{}
	again.lockHead(first, m.cfg.Service)
	copies := 0
	err := inTransaction(context.WithoutCancel(ctx), m.deps.Pool, first, func(pgx.Tx) (*pgx.Batch, error) {
		last := &pgx.Batch{}
		var err error
		if copies, err = m.queueFailure(last, stop); err != nil {
			return nil, err
		}
		last.Queue(`UPDATE dead_letter_audit SET ended = true WHERE id = $1`, entry.ID)
		return last, nil
	})
	if err != nil {
		return err
	}
	entry.Ended = true
	m.wake(copies)
	m.announceFailure(ctx, stop)
	return nil
}

// queueFailure notes why a letter failed again as part of b. One that only waited is a dead letter in its own right now, and
// is copied.
func (m *Machine[S]) queueFailure(b *pgx.Batch, q *queued) (copies int, err error) {
	const failed = `
UPDATE dead_letters SET reason = $2, error = $3, class = $4, stack = $5, tries = tries + 1, tried_at = now() WHERE id = $1`
	args := []any{q.id, string(q.reason), textOf(q.err), classOf(q.err), printable(stackOf(q.err))}
	if !q.waits {
		b.Queue(failed, args...)
		return 0, nil
	}
	more, err := copyArgs(m.cfg.Service, &deadLetter{&q.item, q.reason, q.err}, m.now())
	if err != nil {
		return 0, err
	}
	b.Queue(addCopy(failed, len(args)+1), append(args, more...)...)
	m.queueNotify(b, 1)
	return 1, nil
}

func (m *Machine[S]) announceFailure(ctx context.Context, q *queued) {
	m.deps.Log.ErrorContext(ctx, "dead letter: redriving it failed and its key waits on", "letter_id", q.id, "reason", string(q.reason),
		"error", q.err, "class", classOf(q.err), "subject", q.msg.Subject, "type", q.msg.Type, "id", q.msg.ID,
		"trace_id", traceID(q.msg.Traceparent), "topic", q.p.topic, "partition", q.p.partition, "offset", q.rec.Offset)
}

// whatIsLeft tells how many letters of the key still wait, and what is wrong with the first.
func (m *Machine[S]) whatIsLeft(ctx context.Context, entry *AuditEntry) error {
	var first *int64
	var err error
	if entry.Subject == uuid.Nil {
		err = m.deps.Pool.QueryRow(ctx, `SELECT count(*), min(id) FROM dead_letters WHERE "group" = $1 AND id = $2`,
			m.cfg.Service, entry.LetterID).Scan(&entry.Left, &first)
	} else {
		err = m.deps.Pool.QueryRow(ctx, `SELECT count(*), min(id) FROM dead_letters WHERE "group" = $1 AND subject = $2`,
			m.cfg.Service, entry.Subject).Scan(&entry.Left, &first)
	}
	if err != nil || first == nil {
		return err
	}
	letter, err := m.DeadLetter(ctx, *first)
	if errors.Is(err, ErrNoLetter) {
		return nil
	}
	entry.Stopped = &letter
	return err
}
