package trail

// Each statement gives its rows as one JSON array, spelled as the interface spells them; $1 is the subject, $2 its partition
// and $3 the group.
const (
	nowSQL = `SELECT now()`

	// The outbox has no index by subject: its rows live for milliseconds, and when they do not, there are at most as many as the
	// service accepts before it stops taking work.
	outboxSQL = `
SELECT id, aggregatetype AS topic, type, event_id AS message_id, sequence, causationid AS causation_id, attempt, created_at
FROM outbox WHERE aggregateid = $1 ORDER BY id`

	fenceSQL = `
SELECT operation, undo, state, command_id, attempt, nullif(answer_type, '') AS answer_type,
    nullif(answer_sequence, 0) AS answer_sequence, answer_time AS answer_at
FROM fence WHERE subject = $1 AND command_id IS NOT NULL ORDER BY operation, undo`

	lettersSQL = `
SELECT id, topic, partition, "offset", type, message_id, attempt, reason, error, dead_at
FROM dead_letters WHERE "group" = $3 AND subject = $1 ORDER BY id`

	positionsSQL = `SELECT topic, next FROM positions WHERE "group" = $3 AND partition = $2 ORDER BY topic`
)

// asArray makes one JSON array of a statement's rows. The first line names all parameters, so that each statement may leave
// some out.
func asArray(sql string) string {
	return `WITH p AS (SELECT $1::uuid, $2::integer, $3::text) SELECT coalesce(json_agg(r), '[]') FROM (` + sql + `) AS r`
}
