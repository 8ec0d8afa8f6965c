package archiver_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/archive/internal/store"
	"ordersaga.internal/services/archive/internal/verify"
)

// tamper does what no role can: a superuser who switches the guards off.
func (l *lake) tamper(sql string, args ...any) {
	l.Helper()
	tx, err := l.owner.Pool.Begin(l.Context())
	require.NoError(l, err)
	defer tx.Rollback(l.Context())
	_, err = tx.Exec(l.Context(), `SET LOCAL session_replication_role = replica`)
	require.NoError(l, err)
	tag, err := tx.Exec(l.Context(), sql, args...)
	require.NoError(l, err)
	require.NotZero(l, tag.RowsAffected())
	require.NoError(l, tx.Commit(l.Context()))
}

const of = ` WHERE stream IN (SELECT stream FROM stream WHERE topic = 'order.events' AND partition = 1) AND "offset" = 17`

func TestVerifyFindsEveryLie(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		lie          string
		known        string // what is said where Kafka still holds the records
		chain        string // where it does not
		offset, next int64  // in that case
	}{
		"a removed record": {`DELETE FROM record` + of, "in Kafka, and not archived", "9 records, and 10 were archived", 10, 20},
		"a changed value":  {`UPDATE record SET value = '{}'` + of, "another value than in Kafka", "the hash chain is broken", 10, 20},
		"a null key":       {`UPDATE record SET key = NULL` + of, "another key than in Kafka", "the hash chain is broken", 10, 20},
		"a later time":     {`UPDATE record SET appended_at = appended_at + interval '1 ms'` + of, "another timestamp than in Kafka", "the hash chain is broken", 10, 20},
		"a lost header": {`UPDATE record SET type = NULL, headers = '\x00000000'` + of,
			"another header than in Kafka", "the hash chain is broken", 10, 20},
		"another type":   {`UPDATE record SET type = 'OrderPlaced.v2'` + of, "its type is not that of its headers", "its type is not that of its headers", 17, 18},
		"a moved record": {`UPDATE record SET "offset" = 40` + of, "in Kafka, and not archived", "9 records, and 10 were archived", 10, 20},
		"a forged checkpoint": {`UPDATE checkpoint SET chain = sha256('')
			WHERE stream = (SELECT stream FROM stream WHERE topic = 'order.events' AND partition = 1) AND next = 20`, "the hash chain is broken", "the hash chain is broken", 10, 20},
		"a forged end": {`UPDATE stream SET chain = sha256('') WHERE topic = 'order.events' AND partition = 1`, "the hash chain is broken", "the hash chain is broken", 30, 33},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLake(t, testkit.Kafka(t))
			l.many(0, 200)
			stop := l.start("1", 10)
			l.holds()
			stop()
			l.tamper(tt.lie)
			found := l.only()
			require.Contains(t, found.What, tt.known)
			if tt.known != tt.chain {
				require.EqualValues(t, 17, found.Offset)
				require.EqualValues(t, 18, found.Next)
			}
			l.forget("order.events", 1, 30)
			found = l.only()
			require.Contains(t, found.What, tt.chain)
			require.Equal(t, fmt.Sprint(tt.offset, tt.next), fmt.Sprint(found.Offset, found.Next))
		})
	}
}

// An added record takes an offset that no message has: here that of a transaction's marker.
func TestVerifyFindsAnAddedRecord(t *testing.T) {
	t.Parallel()
	l := newLake(t, testkit.Kafka(t))
	producer := l.broker.Client(t, kgo.TransactionalID(l.broker.Prefix+"tx"))
	require.NoError(t, producer.BeginTransaction())
	require.NoError(t, producer.ProduceSync(t.Context(), l.record("order.events", 1, "k", "v")).FirstErr())
	require.NoError(t, producer.EndTransaction(t.Context(), kgo.TryCommit))
	l.many(0, 60)
	stop := l.start("1", 5)
	l.holds()
	stop()
	l.tamper(`INSERT INTO record SELECT appended_at, 1, stream, key, value, headers, type FROM record
		WHERE stream = (SELECT stream FROM stream WHERE topic = 'order.events' AND partition = 1) AND "offset" = 0`)
	found := l.only()
	require.Equal(t, "archived, and not in Kafka", found.What)
	require.EqualValues(t, 1, found.Offset)
	l.forget("order.events", 1, 10)
	found = l.only()
	require.Equal(t, "6 records, and 5 were archived", found.What)
	require.Equal(t, "0 6", fmt.Sprint(found.Offset, found.Next))
}

// Part by part, however small, is the same as all at once.
func TestVerifyingInParts(t *testing.T) {
	t.Parallel()
	l := newLake(t, testkit.Kafka(t))
	l.many(0, 300)
	stop := l.start("1", 10)
	l.holds()
	stop()
	at := store.Place{Topic: "order.events", Partition: 1}
	s := &store.Stream{Place: at, TopicID: l.topicID("order.events"), Begins: 50, Reason: "to see"}
	require.NoError(t, store.Resume(t.Context(), l.run, s))
	stop = l.start("1", 10)
	l.many(300, 150)
	l.holds()
	stop()
	parts := func(limit int) (all verify.Report, n int) {
		var after verify.Cursor
		for {
			r, next, err := verify.Part(t.Context(), verify.Deps{Pool: l.run, Kafka: l.kafka}, verify.Config{TopicPrefix: l.broker.Prefix}, at, after, limit)
			require.NoError(t, err)
			n++
			all.Records += r.Records
			all.Compared += r.Compared
			all.Behind += r.Behind
			all.Differences = append(all.Differences, r.Differences...)
			if next == nil {
				return all, n
			}
			require.Less(t, n, 100, "it goes on")
			after = *next
		}
	}
	for limit, want := range map[int]int{1: 8, 10: 8, 25: 3, 50: 2, 1000: 1} {
		all, n := parts(limit)
		require.Equal(t, want, n, "parts of %d", limit)
		require.EqualValues(t, 75, all.Records)
		require.EqualValues(t, 75, all.Compared)
		require.Empty(t, all.Differences)
	}
	l.many(450, 6)
	all, _ := parts(25)
	require.EqualValues(t, 1, all.Behind)
	l.tamper(`UPDATE record SET value = '{}'` + of)
	for _, limit := range []int{1, 10, 25, 1000} {
		all, _ := parts(limit)
		require.Len(t, all.Differences, 1)
		require.EqualValues(t, 17, all.Differences[0].Offset)
	}
}

// only is the one difference there is.
func (l *lake) only() verify.Difference {
	l.Helper()
	r := l.verify()
	require.Len(l, r.Differences, 1)
	require.Equal(l, "order.events", r.Differences[0].Topic)
	require.EqualValues(l, 1, r.Differences[0].Partition)
	return r.Differences[0]
}
