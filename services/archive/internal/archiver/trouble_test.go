package archiver_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"

	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/archive/internal/store"
)

func (l *lake) newest() (at time.Time) {
	l.Helper()
	require.NoError(l, l.owner.Pool.QueryRow(l.Context(), `SELECT max(appended_at) FROM record`).Scan(&at))
	return at
}

// stopped waits until so many partitions are.
func (l *lake) stopped(n int) {
	l.Helper()
	testkit.Eventually(l, func() bool {
		families, err := l.metrics.Gather()
		require.NoError(l, err)
		sum := 0.
		for _, f := range families {
			if f.GetName() == "archive_partitions_stopped" {
				for _, m := range f.GetMetric() {
					sum += m.GetGauge().GetValue()
				}
			}
		}
		return int(sum) == n
	}, "stopped", l.words.String())
}

// forget cuts off the beginning of a log, as retention does.
func (l *lake) forget(topic string, partition int32, before int64) {
	l.Helper()
	var offsets kadm.Offsets
	offsets.AddOffset(l.broker.Prefix+topic, partition, before, -1)
	answers, err := kadm.NewClient(l.client).DeleteRecords(l.Context(), offsets)
	require.NoError(l, err)
	require.NoError(l, answers.Error())
}

func (l *lake) topicID(topic string) (id [16]byte) {
	l.Helper()
	found, err := kadm.NewClient(l.client).ListTopics(l.Context(), l.broker.Prefix+topic)
	require.NoError(l, err)
	return found[l.broker.Prefix+topic].ID
}

// What Kafka forgot before it was archived is never skipped in silence.
func TestALogCutOffStopsItsPartition(t *testing.T) {
	t.Parallel()
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		t.Parallel()
		l := newLake(t, b)
		l.many(0, 60)
		stop := l.start("1", 5)
		l.holds()
		stop()
		l.many(60, 60)
		l.forget("order.events", 0, 15) // 10 were archived, 20 are there
		l.start("1", 5)
		l.stopped(1)
		require.Contains(t, l.words.String(), "partition stopped")
		testkit.Eventually(t, func() bool { return l.stream("order.events", 1).Next == 20 }, "the others go on")
		require.EqualValues(t, 10, l.stream("order.events", 0).Next)

		s := &store.Stream{Place: store.Place{Topic: "order.events"}, TopicID: l.topicID("order.events"), Begins: 15, Reason: "retention was too short"}
		require.NoError(t, store.Resume(t.Context(), l.run, s))
		r := l.holds()
		l.stopped(0)
		require.Equal(t, len(topics)*partitions+1, r.Streams)
		require.EqualValues(t, 115, r.Records)
		require.EqualValues(t, 105, r.Compared, "the cut one has only five in Kafka")
	})
}

// A log that ends before what was archived of it lost records that the archive has.
func TestALogThatLostItsEndStopsItsPartition(t *testing.T) {
	t.Parallel()
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		t.Parallel()
		l := newLake(t, b)
		l.many(0, 60)
		stop := l.start("1", 5)
		l.holds()
		stop()
		l.tamper(`UPDATE stream SET next = 13 WHERE topic = 'order.events' AND partition = 0`) // as if three more had been there
		l.start("1", 5)
		l.stopped(1)
		require.EqualValues(t, 3, l.verify().Beyond)
		s := &store.Stream{Place: store.Place{Topic: "order.events"}, TopicID: l.topicID("order.events"), Begins: 10, Reason: "lost its disk"}
		require.NoError(t, store.Resume(t.Context(), l.run, s))
		l.many(60, 60)
		r := l.holds()
		require.Zero(t, r.Beyond)
		require.EqualValues(t, 120, r.Compared)
	})
}

func TestATopicMadeAgainStopsItsPartitions(t *testing.T) {
	t.Parallel()
	l := newLake(t, testkit.Kafka(t))
	l.many(0, 60)
	stop := l.start("1", 5)
	l.holds()
	stop() // a topic that is missing ends the program
	_, err := kadm.NewClient(l.client).DeleteTopics(t.Context(), l.broker.Prefix+"order.events")
	require.NoError(t, err)
	l.broker.Topics(t, partitions, "order.events")
	l.client = l.broker.Client(t)
	l.many(60, 120) // offsets that go on where the old ones ended are there, too
	l.start("1", 5)
	l.stopped(partitions)
	require.Equal(t, 30, l.count(`SELECT count(*) FROM record JOIN stream USING (stream) WHERE topic = 'order.events'`))
	for p := range int32(partitions) {
		s := &store.Stream{Place: store.Place{Topic: "order.events", Partition: p}, TopicID: l.topicID("order.events"), Reason: "made again by mistake"}
		require.NoError(t, store.Resume(t.Context(), l.run, s))
	}
	r := l.holds()
	require.EqualValues(t, 180, r.Records, "the old ones are kept, and proven by their chain")
	require.EqualValues(t, 150, r.Compared)
}
