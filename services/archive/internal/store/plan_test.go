package store

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/archive/internal/chain"
	"ordersaga.internal/services/archive/migrations"
)

// No question reads a day whole: each goes by the index that is there for it, and stops at the limit.
func TestQuestionsGoByTheirIndex(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t, testkit.Migration{Table: migrations.Table, FS: migrations.FS})
	at := Place{Topic: "order.events"}
	taken, err := Take(t.Context(), db.Pool, "me", []Place{at}, func([]Place) ([]*Stream, error) {
		return []*Stream{{Place: at, TopicID: uuid.New(), Owner: "me"}}, nil
	})
	require.NoError(t, err)
	s, to := taken[at], *taken[at]
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	days := []time.Time{Day(noon), Day(noon).AddDate(0, 0, 1), Day(noon).AddDate(0, 0, 2)}
	require.NoError(t, MakeDays(t.Context(), db.Pool, days))
	batch := &Batch{}
	kinds := strings.Split("abcdefghijklmnopqrstuvwxyz", "") // about as many as the contract has
	rare := "rare"
	for i := range 9000 {
		kind := &kinds[i%len(kinds)]
		if i%3000 == 1500 {
			kind = &rare
		}
		batch.Rows = append(batch.Rows, Row{Stream: s.ID, Type: kind, Record: chain.Record{
			Offset: to.Next, AppendedAt: noon.AddDate(0, 0, i/3000).Add(time.Duration(i) * time.Millisecond), Key: []byte(uuid.NewString()),
			Headers: chain.AppendHeaders(nil, nil),
		}})
		to.Next, to.Records = to.Next+1, to.Records+1
	}
	batch.Moves = []Move{{From: s, To: to}}
	require.NoError(t, Save(t.Context(), db.Pool, "me", batch))
	_, err = db.Pool.Exec(t.Context(), `ANALYZE record`)
	require.NoError(t, err)

	after := At{AppendedAt: noon.AddDate(0, 0, 1), Stream: s.ID, Offset: 10}
	for name, tt := range map[string]struct {
		f     Filter
		index string
	}{
		"everything":       {Filter{}, "_appended_at_idx"},
		"the next page":    {Filter{After: after}, "_appended_at_idx"},
		"a time":           {Filter{From: noon, To: noon.Add(time.Hour)}, "_appended_at_idx"},
		"a topic":          {Filter{Streams: []int16{s.ID}, After: after}, "_appended_at_idx"},
		"a type":           {Filter{Type: "rare"}, "_type_appended_at_idx"},
		"a type, the next": {Filter{Type: "rare", After: after, Streams: []int16{s.ID}}, "_type_appended_at_idx"},
		"an order":         {Filter{Key: []byte("k")}, "_key_idx"},
		"all of it":        {Filter{Key: []byte("k"), Type: "a", From: noon, After: after}, "_key_idx"},
	} {
		sql, args := tt.f.query(20)
		plan := explain(t, db, sql, append([]any{pgx.QueryExecModeSimpleProtocol}, args...)...)
		require.Contains(t, plan, tt.index, "%s\n%s", name, plan)
		require.NotContains(t, plan, "Seq Scan on record", "%s\n%s", name, plan)
		if tt.index == "_appended_at_idx" { // or all of it would be read first
			require.Contains(t, plan, "Incremental Sort", "%s\n%s", name, plan)
		}
	}
	plan := explain(t, db, sqlLog, s.ID, int64(5), 20)
	require.Contains(t, plan, "_pkey")
	require.NotContains(t, plan, "->  Sort", plan)
	plan = explain(t, db, sqlInterval, s.ID, int64(5), int64(1005))
	require.Contains(t, plan, "_pkey")
}

func explain(t *testing.T, db *testkit.DB, sql string, args ...any) string {
	t.Helper()
	rows, err := db.Pool.Query(t.Context(), `EXPLAIN `+sql, args...)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return strings.Join(lines, "\n")
}
