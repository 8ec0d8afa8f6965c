package messaging

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/testkit"
)

func TestRelayPublishesAndDeletes(t *testing.T) {
	t.Parallel()
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		t.Parallel()
		s := newStation(t, b)
		r := s.relay(s.db.Pool)
		s.run(r)
		subject := uuid.New()
		m := testMessage()
		m.Topic, m.Subject, m.Sequence, m.Partition = "test.events", subject, 1, 0
		err := pgx.BeginFunc(t.Context(), s.db.Pool, func(tx pgx.Tx) error { return insertOutbox(t.Context(), tx, []Message{m}) })
		if err != nil {
			t.Fatal(err)
		}
		r.Wake()
		s.commit(subject, 2, 3, 4)
		s.wantInOrder(subject, 4)
		s.empty()

		got, want := s.read[0], toRecord(b.Prefix, &m)
		if fmt.Sprint(got.Headers) != fmt.Sprint(want.Headers) || string(got.Key) != string(want.Key) || string(got.Value) != string(want.Value) {
			t.Errorf("through the outbox %v %s %s\nbut made %v %s %s", got.Headers, got.Key, got.Value, want.Headers, want.Key, want.Value)
		}
		if got.Partition != kafka.Partition(got.Key, testPartitions) {
			t.Errorf("partition %d", got.Partition)
		}
		if n := testutil.ToFloat64(r.metrics.published); n != 4 {
			t.Errorf("relay_published_total is %v", n)
		}
	})
}

// Ids are drawn before commits: a lower one may appear after a higher one was published and deleted.
func TestRelayFindsRowsThatCommitLate(t *testing.T) {
	t.Parallel()
	s := newStation(t, testkit.Kafka(t))
	late, early := uuid.New(), uuid.New()
	tx := begin(t, s.db)
	if err := insertOutbox(t.Context(), tx, events(late, 1)); err != nil {
		t.Fatal(err)
	}
	r := s.relay(s.db.Pool)
	s.run(r)
	s.commit(early, 1)
	s.wantInOrder(early, 1)
	s.empty()
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.wantInOrder(late, 1)
	s.empty()
}

// The row ids of one insert are in the order of its messages.
func TestOutboxIDsFollowTheMessages(t *testing.T) {
	t.Parallel()
	db := testDatabase(t)
	subject := uuid.New()
	tx := begin(t, db)
	if err := insertOutbox(t.Context(), tx, events(subject, until(3000)...)); err != nil {
		t.Fatal(err)
	}
	var disordered int
	err := tx.QueryRow(t.Context(), `SELECT count(*) FROM (
		SELECT sequence::bigint - row_number() OVER (ORDER BY id) AS d FROM outbox) AS o WHERE d <> 0`).Scan(&disordered)
	if err != nil || disordered != 0 {
		t.Errorf("%d rows out of order, error %v", disordered, err)
	}
}

// Wake-ups may be lost, in the process and from other replicas: polling finds the rows.
func TestRelayNeedsNoWakeUp(t *testing.T) {
	t.Parallel()
	s := newStation(t, testkit.Kafka(t))
	r := s.relay(s.db.Pool)
	s.run(r)
	testkit.Eventually(t, r.leading, "the relay leads")
	subject := uuid.New()
	for n := range int64(3) {
		s.commit(subject, n+1)
		s.wantInOrder(subject, n+1)
	}
	s.empty()
}

// A replica that does not lead tells the one that does.
func TestRelayIsNotified(t *testing.T) {
	t.Parallel()
	s := newStation(t, testkit.Kafka(t))
	r := s.relay(s.db.Pool)
	ctx, cancel := context.WithCancel(t.Context())
	listening := make(chan struct{})
	go func() { defer close(listening); r.listen(ctx) }()
	defer func() { cancel(); <-listening }()
	<-r.woken // once, when it begins
	if _, err := s.db.Pool.Exec(t.Context(), notifySQL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-r.woken:
	case <-time.After(testkit.Patience):
		t.Fatal("not woken")
	}
	if err := r.release(t.Context(), s.listener(r)); err != nil {
		t.Fatal(err)
	}
}

// One relay leads; when it leaves in peace the other takes over at once, and nobody else before.
func TestRelayHandsOver(t *testing.T) {
	t.Parallel()
	s := newStation(t, testkit.Kafka(t))
	first, second := s.relay(s.db.Pool), s.relay(s.db.Pool)
	stop := s.run(first)
	testkit.Eventually(t, first.leading, "the first leads")
	s.run(second)
	subject := uuid.New()
	s.commit(subject, until(100)...)
	s.wantInOrder(subject, 100)
	if second.leading() {
		t.Error("both lead")
	}
	stop()
	testkit.Eventually(t, second.leading, "the second leads")
	s.commit(subject, 101, 102)
	s.wantInOrder(subject, 102)
	s.empty()
}

// A relay that is stopped in the middle of a turn ends that turn: what it read is published once, and the lease is given
// back at once instead of running out.
func TestRelayStoppedInTheMiddleOfATurn(t *testing.T) {
	t.Parallel()
	s := newStation(t, testkit.Kafka(t))
	r := s.relay(s.db.Pool)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	testkit.Eventually(t, r.leading, "the relay leads")

	lock := begin(t, s.db) // what the turn's renewal of the lease waits for
	if _, err := lock.Exec(t.Context(), `SELECT FROM relay_lease FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	subject := uuid.New()
	s.commit(subject, until(3)...)
	testkit.Eventually(t, func() bool {
		r.Wake()
		var waits bool
		err := s.db.Pool.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity
			WHERE application_name LIKE 'relay test/1/%' AND wait_event_type = 'Lock' AND datname = current_database()
			AND $1 = ANY (pg_blocking_pids(pid)))`, lock.Conn().PgConn().PID()).Scan(&waits)
		if err != nil {
			t.Fatal(err)
		}
		return waits
	}, "the relay is in the middle of a turn")
	cancel()
	if err := lock.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	var owner string
	if err := s.db.Pool.QueryRow(t.Context(), `SELECT owner FROM relay_lease`).Scan(&owner); err != nil || owner != "" {
		t.Errorf("the lease is still %q's, error %v", owner, err)
	}
	s.run(s.relay(s.db.Pool))
	s.wantInOrder(subject, 3)
	s.empty()
	if n := len(s.read); n != 3 {
		t.Errorf("%d records for 3 messages", n)
	}
}

func TestOutboxIsMeasured(t *testing.T) {
	t.Parallel()
	s := newStation(t, testkit.Kafka(t))
	s.commit(uuid.New(), until(7)...)
	r := s.relay(s.db.Pool)
	if err := r.sample(t.Context(), s.listener(r)); err != nil {
		t.Fatal(err)
	}
	if n := testutil.ToFloat64(r.metrics.rows); n != 7 {
		t.Errorf("outbox_rows is %v", n)
	}
	if age := testutil.ToFloat64(r.metrics.oldest); age <= 0 || age > 60 {
		t.Errorf("outbox_oldest_seconds is %v", age)
	}
}
