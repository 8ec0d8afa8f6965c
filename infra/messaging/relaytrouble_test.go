package messaging

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"ordersaga.internal/infra/testkit"
)

// A paused relay loses its lease; resumed, it repeats what it had in hand, and nothing is skipped or out of order.
func TestRelayPausedAndResumed(t *testing.T) {
	t.Parallel()
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		t.Parallel()
		s := newStation(t, b)
		subjects := newSubjects(5)
		paused := s.relay(s.db.Pool)
		client, err := paused.kafka(kgo.MaxBufferedRecords(100_000))
		if err != nil {
			t.Fatal(err)
		}
		paused.client = client
		t.Cleanup(client.Close)
		conn := s.listener(paused)
		if ok, err := paused.take(t.Context(), conn); !ok || err != nil {
			t.Fatal("no lease", err)
		}
		for _, subject := range subjects {
			s.commit(subject, until(20)...)
		}
		// It has read the first rows, and is paused before it sends them.
		var inHand haul
		acked, flying, limit := paused.takeStock()
		rows, err := conn.Query(t.Context(), readOutboxSQL, limit)
		if err != nil || len(acked) > 0 {
			t.Fatal(acked, err)
		}
		if err := paused.readRows(rows, flying, &inHand); err != nil {
			t.Fatal(err)
		}
		rows.Close()

		other := s.relay(s.db.Pool)
		s.run(other)
		testkit.Eventually(t, other.leading, "the lease expires and another relay takes over")
		for _, subject := range subjects {
			s.wantInOrder(subject, 20)
		}
		for _, subject := range subjects {
			s.commit(subject, 21, 22)
		}
		paused.send(&inHand) // resumed
		if err := client.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := paused.turn(t.Context(), conn); !errors.Is(err, errLeaseLost) {
			t.Errorf("the resumed relay's turn: %v", err)
		}
		for _, subject := range subjects {
			s.wantInOrder(subject, 22)
		}
		s.empty()
		if len(s.read) < 22*len(subjects) {
			t.Errorf("%d records", len(s.read))
		}
	})
}

// refusing is a broker of the test's own that refuses every nth produce request: before or after it took the records.
func refusing(t *testing.T, nth int64) testkit.Broker {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	var requests atomic.Int64
	cluster.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		produce, ok := request.(*kmsg.ProduceRequest)
		if !ok || requests.Add(1)%nth != 0 {
			return nil, nil, false
		}
		response, ok := produce.ResponseKind().(*kmsg.ProduceResponse)
		if !ok {
			return nil, nil, false
		}
		for _, topic := range produce.Topics {
			refused := kmsg.NewProduceResponseTopic()
			refused.Topic, refused.TopicID = topic.Topic, topic.TopicID
			for _, partition := range topic.Partitions {
				p := kmsg.NewProduceResponseTopicPartition()
				p.Partition, p.ErrorCode = partition.Partition, kerr.InvalidRecord.Code
				refused.Partitions = append(refused.Partitions, p)
			}
			response.Topics = append(response.Topics, refused)
		}
		return response, nil, true
	})
	return testkit.Broker{Addrs: cluster.ListenAddrs()}
}

// After a failure nothing follows before everything is accounted for, and the reading starts again from the oldest row.
func TestRelayReadsAgainAfterAFailure(t *testing.T) {
	t.Parallel()
	s := newStation(t, refusing(t, 4))
	r := s.relay(s.db.Pool)
	s.run(r)
	subjects := newSubjects(10)
	for n := range int64(10) {
		for _, subject := range subjects {
			s.commit(subject, n+1)
			r.Wake()
		}
	}
	for _, subject := range subjects {
		s.wantInOrder(subject, 10)
	}
	s.empty()
	if testutil.ToFloat64(r.metrics.errors) == 0 {
		t.Error("no failure was counted")
	}
}

// A missing topic is an error, not a loss: once it exists, everything is published.
func TestRelayOutlivesAMissingTopic(t *testing.T) {
	t.Parallel()
	broker := testkit.Kafka(t)
	s := newStation(t, broker)
	r := s.relay(s.db.Pool)
	s.run(r)
	missing, present := uuid.New(), uuid.New()
	out := events(missing, 1, 2)
	for i := range out {
		out[i].Topic = "late.events"
	}
	err := pgx.BeginFunc(t.Context(), s.db.Pool, func(tx pgx.Tx) error { return insertOutbox(t.Context(), tx, out) })
	if err != nil {
		t.Fatal(err)
	}
	r.Wake()
	testkit.Eventually(t, func() bool { return testutil.ToFloat64(r.metrics.errors) > 0 }, "publishing fails")
	broker.Topics(t, testPartitions, "late.events")
	s.reader.AddConsumeTopics(broker.Prefix + "late.events")
	s.wantInOrder(missing, 2)
	s.commit(present, 1)
	s.wantInOrder(present, 1)
	s.empty()
}

// The relay outlives its connections.
func TestRelayOutlivesItsConnection(t *testing.T) {
	t.Parallel()
	s := newStation(t, testkit.Kafka(t))
	r := s.relay(s.db.Pool)
	s.run(r)
	subject := uuid.New()
	for n := range int64(5) {
		s.commit(subject, n*10+1, n*10+2, n*10+3, n*10+4, n*10+5, n*10+6, n*10+7, n*10+8, n*10+9, n*10+10)
		r.Wake()
		s.wantInOrder(subject, n*10+10)
		if _, err := s.db.Pool.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE application_name LIKE 'relay%' || $1 || '%'`, r.owner[:24]); err != nil {
			t.Fatal(err)
		}
	}
	s.empty()
}

// Relays under fire: commits from many sides, two relays, one of them restarted again and again.
func TestRelaysUnderFire(t *testing.T) {
	t.Parallel()
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		t.Parallel()
		s := newStation(t, b)
		steady := s.relay(s.db.Pool)
		s.run(steady)
		subjects := newSubjects(8)
		var writers sync.WaitGroup
		for _, subject := range subjects {
			writers.Go(func() {
				for n := int64(1); n <= 200; n += 2 {
					s.commit(subject, n, n+1)
					steady.Wake()
				}
			})
		}
		for range 5 {
			r := s.relay(s.db.Pool)
			stop := s.run(r)
			testkit.Eventually(t, func() bool { return r.leading() || steady.leading() }, "one leads")
			stop()
		}
		writers.Wait()
		for _, subject := range subjects {
			s.wantInOrder(subject, 200)
		}
		s.empty()
	})
}
