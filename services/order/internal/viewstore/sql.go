package viewstore

import (
	"strconv"
	"strings"
)

const (
	// lockLive waits for who moves the pointer. It is a statement of its own: the next one then sees where it points.
	lockLive = `LOCK TABLE live IN ROW SHARE MODE`

	selectLive = `SELECT generation FROM live`

	// Rows are locked for the sake of whoever hands dead letters back.
	whereLive = ` FROM order_view AS v WHERE v.generation = (SELECT generation FROM live) AND v.order_id = ANY($1) ORDER BY v.order_id FOR UPDATE`

	whereGeneration = ` FROM order_view AS v WHERE v.generation = $2 AND v.order_id = ANY($1) ORDER BY v.order_id`

	// Reading for HTTP: an order that was not placed, as far as is known here, is not shown. Rows are found by ANY, as above: k
	// alone would have the planner scan a generation that was small when it looked.
	whereShown = `, f.as_of
FROM order_view AS v
JOIN unnest($1::uuid[], $2::integer[]) AS k (order_id, partition) ON k.order_id = v.order_id
LEFT JOIN freshness AS f ON f.partition = k.partition
WHERE v.generation = (SELECT generation FROM live) AND v.order_id = ANY($1) AND v.placed_at IS NOT NULL`

	// Partitions are taken in order: two workers never wait for each other.
	upsertFreshness = `
INSERT INTO freshness AS f (partition, as_of)
SELECT * FROM unnest($1::integer[], $2::timestamptz[]) ORDER BY 1
ON CONFLICT (partition) DO UPDATE SET as_of = greatest(f.as_of, excluded.as_of)`

	selectLag = `SELECT coalesce(extract(epoch FROM now() - min(as_of)), 0)::float8 FROM freshness`
)

var (
	selectRows  = `SELECT v.order_id, v.` + strings.Join(columns, ", v.")
	loadLive    = selectRows + whereLive
	loadFrom    = selectRows + whereGeneration
	selectShown = selectRows + whereShown
	upsertRows  = upsert()
)

// upsert writes rows of generation $1.
func upsert() string {
	var arrays, set []string
	for i, column := range columns {
		arrays = append(arrays, "$"+strconv.Itoa(i+3)+"::"+typeOf(column)+"[]")
		set = append(set, column+" = excluded."+column)
	}
	names := strings.Join(columns, ", ")
	return `INSERT INTO order_view (generation, order_id, ` + names + `)
SELECT $1::integer, n.* FROM unnest($2::uuid[], ` + strings.Join(arrays, ", ") + `) AS n (order_id, ` + names + `)
ON CONFLICT (generation, order_id) DO UPDATE SET ` + strings.Join(set, ", ")
}
