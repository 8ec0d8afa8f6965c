package store

import "ordersaga.internal/processmanager/saga"

// The hot statements name the range of their ids, so that the months in which they cannot be are not opened.
const (
	lockSQL = `
SELECT ` + recordColumns + `
FROM instance
WHERE order_id = ANY($1::uuid[]) AND order_id BETWEEN $2 AND $3
ORDER BY order_id FOR UPDATE`

	dataSQL = `SELECT order_id, data FROM instance WHERE order_id = ANY($1::uuid[]) AND order_id BETWEEN $2 AND $3`

	// What never changes and what changes: the two halves of a row.
	fixedColumns  = `definition, version, partition, placed_at, started_at, customer_id, traceparent, tracestate`
	movingColumns = `transitions, sequence, updated_at, resend_at, deadline, finished_at, command_id, attempt, undo, cancelling,
    state, step, failed, reason, stuck, steps`
	recordColumns = `order_id, ` + fixedColumns + `, ` + movingColumns

	insertSQL = `
INSERT INTO instance (order_id, ` + movingColumns + `, ` + fixedColumns + `, data)
SELECT * FROM unnest(
    $1::uuid[], $2::int[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[], $8::uuid[],
    $9::int[], $10::bool[], $11::bool[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[],
    $18::text[], $19::smallint[], $20::smallint[], $21::timestamptz[], $22::timestamptz[], $23::text[], $24::text[], $25::text[],
    $26::jsonb[])`

	// The LIMIT takes no row away: it tells the planner that n is short, so that it looks n's rows up by key, also with a plan
	// from when the table was empty. A range of ids, as above, would make it read the range and compare with every row of n.
	updateSQL = `
UPDATE instance AS i
SET transitions = n.transitions, sequence = n.sequence, updated_at = n.updated_at, resend_at = n.resend_at,
    deadline = n.deadline, finished_at = n.finished_at, command_id = n.command_id, attempt = n.attempt, undo = n.undo,
    cancelling = n.cancelling, state = n.state, step = n.step, failed = n.failed, reason = n.reason, stuck = n.stuck,
    steps = n.steps
FROM (SELECT * FROM unnest(
    $1::uuid[], $2::int[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[], $8::uuid[],
    $9::int[], $10::bool[], $11::bool[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[])
    AS n (order_id, ` + movingColumns + `) LIMIT cardinality($1)) AS n
WHERE i.order_id = n.order_id`

	// An input is recorded once: when it comes again, the first line stays, unless only now it has an effect.
	historySQL = `
INSERT INTO history AS h (order_id, input_id, transition, at, "offset", topic, input, effect, from_state, to_state, note,
    commands, trace_id, operator, reason)
SELECT order_id, input_id, transition, at, CASE WHEN topic <> '' THEN "offset" END, nullif(topic, ''), input, effect,
    from_state, to_state, note, string_to_array(commands, ','), trace_id, nullif(operator, ''), nullif(reason, '')
FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::timestamptz[], $5::bigint[], $6::text[], $7::text[], $8::text[],
    $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[])
    AS n (order_id, input_id, transition, at, "offset", topic, input, effect, from_state, to_state, note,
        commands, trace_id, operator, reason)
ON CONFLICT (order_id, input_id) DO UPDATE
SET transition = excluded.transition, at = excluded.at, "offset" = excluded."offset", topic = excluded.topic,
    effect = excluded.effect, from_state = excluded.from_state, to_state = excluded.to_state, note = excluded.note,
    commands = excluded.commands, trace_id = excluded.trace_id
WHERE excluded.effect IN ('applied', 'jammed') AND h.effect NOT IN ('applied', 'jammed')`

	recordedSQL = `
SELECT h.order_id, h.input_id, h.effect, h.from_state, h.to_state, h.note
FROM unnest($1::uuid[], $2::uuid[]) AS k (order_id, input_id)
JOIN history AS h ON h.order_id = k.order_id AND h.input_id = k.input_id`
)

// Deadlines. A null counts for nothing in least() and min(): what waits for an operator has no due time. Nor has what waits
// behind a dead letter: its answers may be among what was set aside.
const (
	notBehindLetter = ` AND NOT EXISTS (SELECT FROM dead_letter_heads AS d WHERE d.subject = i.order_id)`

	earliestSQL = `
SELECT partition, step, min(resend_at), min(deadline)
FROM instance AS i WHERE finished_at IS NULL AND partition = ANY($1::smallint[]) AND resend_at IS NOT NULL` + notBehindLetter + `
GROUP BY partition, step`

	// A deadline is held that passed after its time's log was read to the end, or in a storm; anew: see step_guard.
	dueSQL = `
SELECT i.order_id, i.partition, i.traceparent, i.tracestate,
    coalesce(i.deadline > u.until OR g.held AND i.deadline > g.released, false),
    coalesce(NOT g.held AND i.deadline > g.released AND i.deadline <= g.calmed, false)
FROM unnest($1::smallint[], $2::timestamptz[]) AS u (partition, until)
JOIN instance AS i ON i.partition = u.partition AND i.finished_at IS NULL
LEFT JOIN step_guard AS g ON g.step = i.step
WHERE least(i.resend_at, CASE WHEN g.held AND i.deadline > g.released THEN NULL ELSE i.deadline END) <= u.until` + notBehindLetter + `
ORDER BY least(i.resend_at, i.deadline), i.order_id LIMIT $3`

	// Locks in the order in which everybody does.
	deferSQL = `
WITH pending AS (
    SELECT order_id FROM instance WHERE finished_at IS NULL AND partition = $1 AND resend_at IS NOT NULL
    ORDER BY order_id FOR UPDATE)
UPDATE instance AS i SET resend_at = i.resend_at + $2::interval, deadline = i.deadline + $2::interval
FROM pending AS p WHERE i.order_id = p.order_id`
)

// Deadline storms.
const (
	guardsSQL = `
SELECT step, held, released, (SELECT count(*) FROM deadline_storm AS s WHERE s.step = g.step)
FROM step_guard AS g WHERE step = ANY($1)`

	// An instance is its step's while it waits for the step's answer, and while it is undone because none came. Of the first
	// kind those are left out whose deadline an operator let pass, of the second those that are owed, which no answer to come
	// will settle, those that were under way when an operator did so, and those that began before $3.
	waitingSQL = `
SELECT i.step, count(*), count(*) FILTER (WHERE i.overdue), min(i.started_at)
FROM (
    SELECT CASE WHEN deadline IS NOT NULL THEN step ELSE failed END AS step, coalesce(deadline, started_at) AS since, started_at,
        deadline IS NULL OR deadline <= $2 OR attempt > 1 AS overdue
    FROM instance AS i
    WHERE finished_at IS NULL
        AND (deadline IS NOT NULL OR reason = '` + saga.TimedOut + `' AND stuck = '' AND started_at > $3)` + notBehindLetter + `
) AS i
LEFT JOIN step_guard AS g ON g.step = i.step
WHERE i.step = ANY($1) AND i.since > coalesce(g.released, '-infinity')
GROUP BY i.step`

	// An instance had an answer where it began the step, and neither waits for it nor was given up at it. The newest first, and
	// no more than asked for.
	answeredSQL = `
SELECT count(*) FROM (
    SELECT FROM instance
    WHERE order_id >= $2 AND E'\n' || steps LIKE E'%\n' || $1 || E'\t%'
        AND NOT (step = $1 AND deadline IS NOT NULL) AND NOT (failed = $1 AND reason = '` + saga.TimedOut + `')
    ORDER BY order_id DESC LIMIT $3) AS answered`

	// Waits for those who begin or end a storm, and keeps them out until the transaction ends.
	lockStormsSQL = `LOCK TABLE deadline_storm IN SHARE ROW EXCLUSIVE MODE`

	beginStormSQL = `
INSERT INTO deadline_storm (storm_id, step, began_at, in_flight, overdue, answered)
SELECT $1, $2, $3, $4, $5, $6 WHERE (SELECT count(*) FROM deadline_storm WHERE step = $2) = $7
ON CONFLICT (step) WHERE ended_at IS NULL DO NOTHING
RETURNING storm_id`

	calmSQL = `UPDATE deadline_storm SET ended_at = $2 WHERE storm_id = $1 AND ended_at IS NULL RETURNING storm_id`

	releaseSQL = `
UPDATE deadline_storm SET ended_at = $2, operator = $3, reason = $4 WHERE storm_id = $1 AND ended_at IS NULL
RETURNING ` + stormColumns

	stormColumns = `storm_id, step, began_at, in_flight, overdue, answered, ended_at, coalesce(operator, ''), coalesce(reason, '')`

	oneStormSQL = `SELECT ` + stormColumns + ` FROM deadline_storm WHERE storm_id = $1`

	listStormsSQL = `
SELECT ` + stormColumns + ` FROM deadline_storm
WHERE storm_id < $1 AND ($2::boolean IS NULL OR $2 = (ended_at IS NULL))
ORDER BY storm_id DESC LIMIT $3`
)

// Partitions and counts.
const (
	makePartitionsSQL = `SELECT make_partitions($1, $2)`

	keptSQL = `
SELECT min(lower_bound::text)::uuid, max(upper_bound::text)::uuid FROM partition_bounds WHERE parent_name = 'instance'
HAVING count(*) > 0`

	countSQL = `
SELECT state, count(*) FROM instance WHERE finished_at IS NULL GROUP BY state
UNION ALL SELECT 'stuck', count(*) FROM instance WHERE stuck <> ''`
)

// Which versions the instances in flight are of.
const inFlightSQL = `SELECT definition, version, count(*) FROM instance WHERE finished_at IS NULL GROUP BY 1, 2 ORDER BY 1, 2`

// For people. Conditions are added to listSQL, spelled as those of the partial indexes.
const (
	oneSQL = `SELECT ` + recordColumns + ` FROM instance WHERE order_id = $1`

	listSQL         = `SELECT ` + recordColumns + ` FROM instance WHERE order_id < $1`
	listOpenSQL     = ` AND finished_at IS NULL`
	listFailedSQL   = ` AND state IN ('rejected', 'cancelled')`
	listStateSQL    = ` AND state = $%d`
	listStuckSQL    = ` AND stuck <> ''`
	listUnstuckSQL  = ` AND stuck = ''`
	listCustomerSQL = ` AND customer_id = $%d`
	listStepSQL     = ` AND finished_at IS NULL AND (step = $%[1]d OR E'\n' || steps LIKE E'%%\n' || $%[1]d || E'\towed\t%%')`
	listOrderSQL    = ` ORDER BY order_id DESC LIMIT $2`

	entriesSQL = `
SELECT order_id, input_id, transition, at, coalesce("offset", 0), coalesce(topic, ''), input, effect, from_state, to_state, note,
    array_to_string(commands, ','), trace_id, coalesce(operator, ''), coalesce(reason, '')
FROM history WHERE order_id = $1
ORDER BY transition, effect NOT IN ('applied', 'jammed'), at, "offset"`
)
