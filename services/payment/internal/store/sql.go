package store

const columns = `order_id, kind, state, command_id, amount_minor, currency, payment_method, customer_id, target, settled,
       done_minor, reference, reason, code, undo_id, failures, undone_minor, attempts, due_at, leased_by,
       traceparent, tracestate`

// Locking and reading are two statements: one that waited for a lock does not see what the other transaction inserted.
const (
	lockSQL = `
SELECT count(*) FROM (
    SELECT FROM operation WHERE order_id = ANY($1) ORDER BY order_id, kind FOR UPDATE) AS locked`

	loadSQL = `SELECT ` + columns + ` FROM operation WHERE order_id = ANY($1) ORDER BY order_id, kind`
)

const (
	rowsSQL = `unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::bigint[], $6::text[], $7::text[], $8::text[],
            $9::text[], $10::boolean[], $11::bigint[], $12::text[], $13::text[], $14::text[], $15::uuid[], $16::integer[],
            $17::bigint[], $18::integer[], $19::timestamptz[], $20::text[], $21::text[], $22::text[])
     AS n (` + columns + `)`

	// A row that appeared meanwhile is a unique violation: the batch is tried again and will see it.
	insertSQL = `INSERT INTO operation (` + columns + `) SELECT * FROM ` + rowsSQL

	updateSQL = `
UPDATE operation AS o
SET state = n.state, target = n.target, settled = n.settled, done_minor = n.done_minor, reference = n.reference,
    reason = n.reason, code = n.code, undo_id = n.undo_id, failures = n.failures, undone_minor = n.undone_minor,
    attempts = n.attempts, due_at = n.due_at, leased_by = n.leased_by, traceparent = n.traceparent,
    tracestate = n.tracestate, updated_at = now()
FROM ` + rowsSQL + `
WHERE o.order_id = n.order_id AND o.kind = n.kind`
)

const (
	// leaseSQL takes what is due, oldest first, and with $5 also what this replica leased, but for the orders $6 that it knows
	// of. It never waits for a lock: what another transaction is changing is being dealt with. Who held it may have called, and
	// died before the answer: that counts as a call without one.
	leaseSQL = `
WITH due AS (
    SELECT order_id, kind FROM operation
    WHERE due_at <= $1 OR $5 AND due_at IS NOT NULL AND leased_by = $3 AND order_id <> ALL ($6::uuid[])
    ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED)
UPDATE operation AS o SET due_at = $2, leased_by = $3, attempts = o.attempts + (o.leased_by <> '')::int
FROM due WHERE o.order_id = due.order_id AND o.kind = due.kind
RETURNING ` + qualified

	qualified = `o.order_id, o.kind, o.state, o.command_id, o.amount_minor, o.currency, o.payment_method, o.customer_id,
       o.target, o.settled, o.done_minor, o.reference, o.reason, o.code, o.undo_id, o.failures, o.undone_minor, o.attempts,
       o.due_at, o.leased_by, o.traceparent, o.tracestate`

	// releaseSQL: what is released may have been called for, and given up.
	releaseSQL = `
UPDATE operation SET due_at = $2, leased_by = '', attempts = attempts + 1 WHERE leased_by = $1 AND due_at IS NOT NULL`

	// unsettledSQL: an operation about which the provider may have news is open, or is taken for not done.
	unsettledSQL = `SELECT ` + columns + ` FROM operation
WHERE order_id = ANY($1) AND (due_at IS NOT NULL OR done_minor = 0 AND state IN ('undone', 'refused'))`

	// TrailSQL is an order's operations as operators are told them.
	TrailSQL = `
SELECT kind, state, command_id, amount_minor, currency, payment_method, settled, done_minor, reference, reason, code, undo_id,
    failures, undone_minor, attempts, due_at, leased_by, updated_at
FROM operation WHERE order_id = $1 ORDER BY kind`

	countOpenSQL = `SELECT count(*) FROM operation WHERE due_at IS NOT NULL`
)
