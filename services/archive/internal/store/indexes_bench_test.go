package store_test

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/infra/postgres"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/archive/internal/chain"
	"ordersaga.internal/services/archive/internal/store"
	"ordersaga.internal/services/archive/migrations"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// What each index costs, in the backend's CPU time, in the write-ahead log and on disk, for a record: the figures of
// docs/decisions/0002-indexes.md come from here. One iteration is a batch of 10,000; give -benchtime=50x.
func BenchmarkIndexes(b *testing.B) {
	const none = `DROP INDEX record_key, record_type, record_time;`
	for _, set := range []struct{ name, sql string }{
		{"none", none},
		{"key b-tree", none + `CREATE INDEX ON record (key) WHERE octet_length(key) <= 200`},
		{"key hash", none + `CREATE INDEX ON record USING hash (key)`},
		{"key b-tree with time", none + `CREATE INDEX ON record (key, appended_at) WHERE octet_length(key) <= 200`},
		{"type b-tree", none + `CREATE INDEX ON record (type, appended_at)`},
		{"time b-tree", none + `CREATE INDEX ON record (appended_at)`},
		{"time BRIN", none + `CREATE INDEX ON record USING brin (appended_at)`},
		{"as migrated", ``},
	} {
		b.Run(set.name, func(b *testing.B) {
			db := testkit.Postgres(b, testkit.Migration{Table: migrations.Table, FS: migrations.FS})
			_, err := db.Pool.Exec(b.Context(), set.sql)
			require.NoError(b, err)
			pool := db.Open(b, postgres.MaxConns(1))
			require.NoError(b, store.MakeDays(b.Context(), pool, []time.Time{store.Day(time.Now())}))
			f := newFiller(b, pool)
			cpu, wal := f.backend(), f.number(`SELECT pg_current_wal_insert_lsn() - '0/0'`)
			rows := 0
			for b.Loop() {
				b.StopTimer()
				batch := f.batch(10_000)
				rows += len(batch.Rows)
				b.StartTimer()
				require.NoError(b, store.Save(b.Context(), pool, "bench", batch))
				*f.stream = batch.Moves[0].To
			}
			per := func(total float64) float64 { return total / float64(rows) }
			b.ReportMetric(per(float64((f.backend() - cpu).Microseconds())), "backend-µs/row")
			b.ReportMetric(per(f.number(`SELECT pg_current_wal_insert_lsn() - '0/0'`)-wal), "wal-B/row")
			b.ReportMetric(per(f.number(`SELECT sum(pg_indexes_size(i.inhrelid)) FROM pg_inherits i WHERE i.inhparent = 'record'::regclass`)), "index-B/row")
		})
	}
}

// filler makes batches as orders that live side by side do.
type filler struct {
	b      *testing.B
	pool   *pgxpool.Pool
	pid    int
	stream *store.Stream
	orders [500]uuid.UUID
	n      int
}

func newFiller(b *testing.B, pool *pgxpool.Pool) *filler {
	b.Helper()
	f := &filler{b: b, pool: pool}
	f.pid = int(f.number(`SELECT pg_backend_pid()`))
	at := store.Place{Topic: "order.events"}
	taken, err := store.Take(b.Context(), pool, "bench", []store.Place{at}, func(p []store.Place) ([]*store.Stream, error) {
		return []*store.Stream{{Place: p[0], TopicID: uuid.New(), Owner: "bench"}}, nil
	})
	require.NoError(b, err)
	f.stream = taken[at]
	return f
}

func (f *filler) number(sql string) (n float64) {
	f.b.Helper()
	require.NoError(f.b, f.pool.QueryRow(f.b.Context(), sql).Scan(&n))
	return n
}

// backend is the CPU time of the connection's server process.
func (f *filler) backend() time.Duration {
	f.b.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", f.pid))
	require.NoError(f.b, err)
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+2:]))
	var ticks int
	for _, i := range []int{11, 12} { // utime, stime
		n, err := strconv.Atoi(fields[i])
		require.NoError(f.b, err)
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

func (f *filler) batch(size int) *store.Batch {
	to := *f.stream
	batch := &store.Batch{Rows: make([]store.Row, size)}
	at := time.Now().Truncate(time.Millisecond)
	value := bytes.Repeat([]byte("v"), 250)
	for i := range batch.Rows {
		order, step := f.n%len(f.orders), f.n/len(f.orders)%11
		if step == 0 {
			f.orders[order] = uuid.Must(uuid.NewV7())
		}
		f.n++
		kind := fmt.Sprintf("StepNumber%d.v1", step)
		headers := chain.AppendHeaders(nil, []kgo.RecordHeader{{Key: "ce_type", Value: []byte(kind)}, {Key: "other", Value: value[:200]}})
		batch.Rows[i] = store.Row{Stream: to.ID, Type: &kind, Record: chain.Record{
			Offset: to.Next, AppendedAt: at.Add(time.Duration(i/100) * time.Millisecond), Key: []byte(f.orders[order].String()), Value: value, Headers: headers,
		}}
		to.Next, to.Records = to.Next+1, to.Records+1
	}
	batch.Moves = []store.Move{{From: f.stream, To: to}}
	return batch
}
