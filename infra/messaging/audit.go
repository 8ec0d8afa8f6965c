package messaging

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	auditColumns = `id, at, operator, action, reason, letter_id, subject, topic, partition, "offset", type, handled, ended,
    before_key, before_value, before_headers, after_key, after_value, after_headers`

	sqlWish = `
SELECT ` + auditColumns + ` FROM dead_letter_audit
WHERE "group" = $1 AND operator = $2 AND action = $3 AND letter_id = $4 AND key = $5 AND key <> ''`

	// A redrive is noted before it begins. The same wish twice at once is noted once.
	sqlOpenRedrive = `
INSERT INTO dead_letter_audit ("group", operator, action, reason, key, letter_id, subject, topic, topic_id, partition, "offset", type, ended)
SELECT "group", $3, 'redrive', $4, $5, id, subject, topic, topic_id, partition, "offset", type, false
FROM dead_letters WHERE "group" = $1 AND id = $2
ON CONFLICT ("group", operator, action, letter_id, key) WHERE key <> '' DO NOTHING
RETURNING ` + auditColumns

	sqlAudit = `
INSERT INTO dead_letter_audit ("group", operator, action, reason, key, letter_id, subject, topic, topic_id, partition, "offset", type, ended,
    before_key, before_value, before_headers, after_key, after_value, after_headers)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, true, $13, $14, $15, $16, $17, $18)
RETURNING id, at`

	sqlListAudit = `
SELECT ` + auditColumns + ` FROM dead_letter_audit
WHERE "group" = $1 AND id < $2 AND ($3::uuid IS NULL OR subject = $3) AND ($4::bigint = 0 OR letter_id = $4)
ORDER BY id DESC LIMIT $5`
)

// AuditFilter says which entries are wanted, the newest first. Zero values: all.
type AuditFilter struct {
	Subject  uuid.UUID
	LetterID int64
	Before   int64 // only ids below
	Limit    int   // most entries. Required.
}

// LetterAudit returns what operators did.
func (m *Machine[S]) LetterAudit(ctx context.Context, f AuditFilter) ([]AuditEntry, error) {
	rows, err := m.deps.Pool.Query(ctx, sqlListAudit, m.cfg.Service, below(f.Before), orNull(f.Subject), f.LetterID, f.Limit)
	if err != nil {
		return nil, fmt.Errorf("read the audit: %w", err)
	}
	entries, err := pgx.CollectRows(rows, scanEntry)
	if err != nil {
		return nil, fmt.Errorf("read the audit: %w", err)
	}
	return entries, nil
}

// LetterAuditEntry returns one entry, or ErrNoEntry.
func (m *Machine[S]) LetterAuditEntry(ctx context.Context, id int64) (AuditEntry, error) {
	entry, found, err := oneEntry(ctx, m.deps.Pool,
		`SELECT `+auditColumns+` FROM dead_letter_audit WHERE "group" = $1 AND id = $2`, m.cfg.Service, id)
	if err == nil && !found {
		err = ErrNoEntry
	}
	return entry, err
}

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// findWish returns the entry of a wish that was noted before.
func findWish(ctx context.Context, q querier, group, action string, letter int64, w Wish) (entry AuditEntry, found bool, err error) {
	if w.Key == "" {
		return entry, false, nil
	}
	return oneEntry(ctx, q, sqlWish, group, w.Operator, action, letter, w.Key)
}

// openRedrive returns the entry of a wish to redrive, new or as it was left.
func openRedrive(ctx context.Context, pool *pgxpool.Pool, group string, letter int64, w Wish) (AuditEntry, error) {
	for range 2 { // between the two statements another request may note the same wish
		entry, found, err := findWish(ctx, pool, group, ActionRedrive, letter, w)
		if err != nil || found {
			return entry, err
		}
		entry, found, err = oneEntry(ctx, pool, sqlOpenRedrive, group, letter, w.Operator, w.Reason, w.Key)
		if err != nil || found {
			return entry, err
		}
	}
	return AuditEntry{}, ErrNoLetter
}

func oneEntry(ctx context.Context, q querier, sql string, args ...any) (entry AuditEntry, found bool, err error) {
	rows, err := q.Query(ctx, sql, args...)
	if err == nil {
		entry, err = pgx.CollectOneRow(rows, scanEntry)
	}
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return entry, false, nil
	case err != nil:
		return entry, false, fmt.Errorf("audit of dead letters: %w", err)
	}
	return entry, true, nil
}

// audit notes a repair.
func (r *repair) audit(ctx context.Context, tx pgx.Tx, group string) error {
	e := &r.entry
	args := []any{
		group, e.Operator, e.Action, e.Reason, r.wish.Key, e.LetterID, orNull(e.Subject), e.Topic, r.target.p.topicID, e.Partition, e.Offset,
		printable(e.Type),
	}
	for _, record := range []*Record{e.Before, e.After} {
		if record == nil {
			args = append(args, nil, nil, nil)
			continue
		}
		args = append(args, record.Key, record.Value, marshalHeaders(fromPeople(record.Headers)))
	}
	if err := tx.QueryRow(ctx, sqlAudit, args...).Scan(&e.ID, &e.At); err != nil {
		return fmt.Errorf("audit of dead letters: %w", err)
	}
	return nil
}

func scanEntry(row pgx.CollectableRow) (AuditEntry, error) {
	var e AuditEntry
	var subject *uuid.UUID
	var before, after Record
	var beforeHeaders, afterHeaders []byte
	err := row.Scan(&e.ID, &e.At, &e.Operator, &e.Action, &e.Reason, &e.LetterID, &subject, &e.Topic, &e.Partition, &e.Offset, &e.Type,
		&e.Handled, &e.Ended, &before.Key, &before.Value, &beforeHeaders, &after.Key, &after.Value, &afterHeaders)
	if err != nil {
		return e, err
	}
	if subject != nil {
		e.Subject = *subject
	}
	if e.Before, err = withHeaders(before, beforeHeaders); err != nil {
		return e, err
	}
	e.After, err = withHeaders(after, afterHeaders)
	return e, err
}

// withHeaders returns the record, nil where it has no headers column.
func withHeaders(r Record, text []byte) (*Record, error) {
	if text == nil {
		return nil, nil
	}
	var headers []headerJSON
	if err := json.Unmarshal(text, &headers); err != nil {
		return nil, fmt.Errorf("headers in the audit: %w", err)
	}
	r.Headers = forPeople(headers)
	return &r, nil
}
