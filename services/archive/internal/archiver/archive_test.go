package archiver_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/archive/internal/chain"
	"ordersaga.internal/services/archive/internal/store"
)

func TestEveryByteIsKept(t *testing.T) {
	t.Parallel()
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		t.Parallel()
		l := newLake(t, b)
		b.Topics(t, partitions, "order.events.dlq", "archive.internal")
		header := func(key string, value []byte) kgo.RecordHeader { return kgo.RecordHeader{Key: key, Value: value} }
		var records []*kgo.Record
		for _, r := range []kgo.Record{
			{Key: []byte("k"), Value: []byte("v"), Headers: []kgo.RecordHeader{header("ce_type", []byte("OrderPlaced.v1"))}},
			{}, // null key, null value, no header
			{Key: []byte{}, Value: []byte{}},
			{Key: []byte{0, 255}, Value: []byte{255, 0, 1}, Headers: []kgo.RecordHeader{header("ce_type", []byte{0xff})}},
			{Headers: []kgo.RecordHeader{header("a", nil), header("a", []byte{}), header("a", []byte("2")), header("", []byte("x"))}},
			{Key: []byte(strings.Repeat("k", 5000)), Value: []byte(strings.Repeat("big ", 75_000))},
			{Key: []byte("k"), Headers: []kgo.RecordHeader{header("ce_type", []byte("a\x00b"))}},
			{Key: []byte("k"), Headers: []kgo.RecordHeader{header("ce_type", []byte(strings.Repeat("t", 201)))}},
		} {
			r.Topic, r.Partition = b.Prefix+"order.events", 1
			records = append(records, &r)
		}
		l.produce(records...)
		l.produce(l.record("order.events.dlq", 1, "k", "a copy"), l.record("archive.internal", 1, "k", "internal"))
		l.start("1", 3)
		r := l.holds()
		require.EqualValues(t, len(records), r.Records)
		require.EqualValues(t, len(records), r.Compared)
		require.Equal(t, len(records), l.count(`SELECT count(*) FROM record`))
		require.Equal(t, len(topics)*partitions, l.count(`SELECT count(*) FROM stream`))

		rows, _, err := store.Log(t.Context(), l.run, l.stream("order.events", 1).ID, -1, 100)
		require.NoError(t, err)
		for i, row := range rows {
			want := records[i]
			require.Equal(t, want.Offset, row.Offset)
			require.Equal(t, want.Key, row.Key)
			require.Equal(t, want.Value, row.Value)
			headers, err := chain.Headers(row.Headers)
			require.NoError(t, err)
			require.Len(t, headers, len(want.Headers))
			for n, h := range headers {
				require.Equal(t, want.Headers[n].Key, h.Key)
				require.Equal(t, want.Headers[n].Value == nil, h.Value == nil)
				require.Equal(t, string(want.Headers[n].Value), string(h.Value))
			}
			require.Equal(t, i == 0, row.Type != nil)
		}
		require.Equal(t, 4, l.count(`SELECT count(*) FROM record, headers_of(headers) AS h WHERE "offset" = 4`))
		require.Equal(t, 1, l.count(`SELECT count(*) FROM record, headers_of(headers) AS h WHERE "offset" = 4 AND h.value IS NULL AND h.key = 'a'`))
	})
}

// Markers of transactions take offsets and are no messages; what was aborted was never said.
func TestTransactionsLeaveLegalGaps(t *testing.T) {
	t.Parallel()
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		t.Parallel()
		l := newLake(t, b)
		producer := b.Client(t, kgo.TransactionalID(b.Prefix+"tx"))
		for i, commit := range []bool{true, false, true, false} {
			require.NoError(t, producer.BeginTransaction())
			require.NoError(t, producer.ProduceSync(t.Context(), l.record("order.events", 0, "k", string(rune('a'+i)))).FirstErr())
			require.NoError(t, producer.EndTransaction(t.Context(), kgo.TransactionEndTry(commit)))
		}
		l.start("1", 3)
		r := l.holds()
		require.EqualValues(t, 2, r.Compared)
		require.EqualValues(t, 8, l.stream("order.events", 0).Next, "behind the last marker")
	})
}

// What the decision page says, in another language.
const sqlChain = `
WITH RECURSIVE numbered AS (
    SELECT row_number() OVER (ORDER BY "offset") AS n, r.* FROM record r WHERE stream = $1
), chained AS (
    SELECT 0::bigint AS n, sha256(convert_to(E'ordersaga archive 1\n', 'UTF8') || int4send(octet_length(topic)) || convert_to(topic, 'UTF8')
        || int4send(partition) || uuid_send(topic_id) || int8send(begins)) AS link
    FROM stream WHERE stream = $1
    UNION ALL
    SELECT r.n, sha256(c.link || int8send(r."offset") || int8send((extract(epoch FROM r.appended_at) * 1000)::bigint)
        || coalesce(int4send(octet_length(r.key)) || r.key, int4send(-1)) || coalesce(int4send(octet_length(r.value)) || r.value, int4send(-1))
        || r.headers)
    FROM chained c JOIN numbered r ON r.n = c.n + 1
)
SELECT count(*) FROM chained JOIN stream ON stream = $1 AND link = chain WHERE n = (SELECT count(*) FROM numbered)`

func TestAnybodyCanRecomputeTheChain(t *testing.T) {
	t.Parallel()
	l := newLake(t, testkit.Kafka(t))
	l.many(0, 60)
	l.produce(&kgo.Record{Topic: l.broker.Prefix + "order.events", Partition: 0})
	l.start("1", 7)
	l.holds()
	require.Equal(t, 1, l.count(sqlChain, l.stream("order.events", 0).ID))
}

func TestTwoReplicasShareAndHandOver(t *testing.T) {
	t.Parallel()
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		t.Parallel()
		l := newLake(t, b)
		const each = 1000
		stops := []func(){l.start("1", 100), func() {}}
		for round := range 6 {
			l.many(round*each, each)
			if n := round % 2; n == 1 {
				stops[0]()
				stops[0] = l.start("1", 100)
			} else {
				stops[1]()
				stops[1] = l.start("2", 100)
			}
		}
		r := l.holds()
		require.EqualValues(t, 6*each, r.Compared)
		require.Equal(t, 6*each, l.count(`SELECT count(*) FROM record`))
		require.Equal(t, 6*each, l.count(`SELECT sum(records) FROM stream`))
	})
}

// A former owner that was paused in the middle and wakes up changes no row and moves no position.
func TestAFormerOwnerChangesNothing(t *testing.T) {
	t.Parallel()
	l := newLake(t, testkit.Kafka(t))
	l.many(0, 120)
	stop := l.start("1", 10)
	l.holds()
	stop()
	place := store.Place{Topic: topics[0], Partition: 0}
	former, err := store.Take(t.Context(), l.run, "former", []store.Place{place}, nil)
	require.NoError(t, err)
	_, err = store.Take(t.Context(), l.run, "newer", []store.Place{place}, nil)
	require.NoError(t, err)
	from := former[place]
	to := *from
	to.Next, to.Records = from.Next+1, from.Records+1
	row := store.Row{Stream: from.ID, Record: chain.Record{Offset: from.Next, AppendedAt: l.newest(), Headers: chain.AppendHeaders(nil, nil)}}
	batch := func() *store.Batch {
		return &store.Batch{Moves: []store.Move{{From: from, To: to}}, Rows: []store.Row{row}}
	}
	require.ErrorIs(t, store.Save(t.Context(), l.run, "former", batch()), store.ErrLost)
	require.NoError(t, store.Save(t.Context(), l.run, "newer", batch()))
	require.ErrorIs(t, store.Save(t.Context(), l.run, "newer", batch()), store.ErrLost, "the same batch again, after a lost answer")
	require.Equal(t, 121, l.count(`SELECT count(*) FROM record`))
}
