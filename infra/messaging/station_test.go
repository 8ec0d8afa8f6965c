package messaging

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace/noop"

	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/testkit"
)

const testPartitions = 4

// station is a database, a broker and a reader of what is published.
type station struct {
	t      *testing.T
	db     *testkit.DB
	broker testkit.Broker
	reader *kgo.Client
	read   []*kgo.Record
}

func newStation(t *testing.T, broker testkit.Broker) *station {
	t.Helper()
	broker.Topics(t, testPartitions, "test.events")
	return &station{
		t: t, db: testDatabase(t), broker: broker,
		reader: broker.Client(t, kgo.ConsumeTopics(broker.Prefix+"test.events"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())),
	}
}

// relay returns one that is not running. extra options go to its Kafka client.
func (s *station) relay(pool *pgxpool.Pool, extra ...kgo.Opt) *relay {
	s.t.Helper()
	r, err := newRelay(Deps{
		Pool: pool, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), Tracer: noop.NewTracerProvider().Tracer(""),
		Kafka: func(opts ...kgo.Opt) (*kgo.Client, error) {
			return kafka.NewClient(s.broker.Config(), slog.New(slog.DiscardHandler), append(opts, extra...)...)
		},
	}, Config{Service: "test", TopicPrefix: s.broker.Prefix, Partitions: testPartitions, Replica: "1"})
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// run runs a relay until stop or the end of the test.
func (s *station) run(r *relay) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Errorf("relay: %v", err)
		}
	})
	s.t.Cleanup(stop)
	return stop
}

// commit puts messages with the given sequences of a subject into the outbox.
func (s *station) commit(subject uuid.UUID, sequences ...int64) {
	s.t.Helper()
	err := pgx.BeginFunc(s.t.Context(), s.db.Pool, func(tx pgx.Tx) error {
		return insertOutbox(s.t.Context(), tx, events(subject, sequences...))
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func events(subject uuid.UUID, sequences ...int64) []Message {
	out := make([]Message, len(sequences))
	for i, n := range sequences {
		out[i] = Message{Body: fact{"Event"}, Subject: subject, Sequence: n}
		if err := fill(facts{}, "/services/test", &Message{}, &out[i], fenceTime); err != nil {
			panic(err)
		}
	}
	return out
}

// published reads on until so many different messages of the subject were seen, and returns their sequences by first
// appearance.
func (s *station) published(subject uuid.UUID, want int) (sequences []int64) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), testkit.Patience)
	defer cancel()
	for {
		sequences = nil
		for _, r := range s.read {
			m, err := fromRecord(s.broker.Prefix, r)
			if err != nil {
				s.t.Fatal(err)
			}
			if m.Subject == subject && !slices.Contains(sequences, m.Sequence) {
				sequences = append(sequences, m.Sequence)
			}
		}
		if len(sequences) >= want {
			return sequences
		}
		fetches := s.reader.PollFetches(ctx)
		if ctx.Err() != nil {
			s.t.Fatalf("of %d messages of %s only %v were published", want, subject, sequences)
		}
		s.read = append(s.read, fetches.Records()...)
	}
}

func (s *station) empty() {
	s.t.Helper()
	testkit.Eventually(s.t, func() bool { return s.rows() == 0 }, "the outbox is empty")
}

func (s *station) rows() (n int) {
	s.t.Helper()
	if err := s.db.Pool.QueryRow(s.t.Context(), `SELECT count(*) FROM outbox`).Scan(&n); err != nil {
		s.t.Fatal(err)
	}
	return n
}

func until(n int64) (sequences []int64) {
	for i := int64(1); i <= n; i++ {
		sequences = append(sequences, i)
	}
	return sequences
}

func (s *station) wantInOrder(subject uuid.UUID, n int64) {
	s.t.Helper()
	if got := s.published(subject, int(n)); !slices.Equal(got, until(n)) {
		s.t.Errorf("first appearances of %s: %v", subject, got)
	}
}

func (s *station) listener(r *relay) *pgx.Conn {
	s.t.Helper()
	conn, err := r.connect(s.t.Context(), "test")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { closeConn(conn) })
	return conn
}

func newSubjects(n int) []uuid.UUID {
	subjects := make([]uuid.UUID, n)
	for i := range subjects {
		subjects[i] = uuid.New()
	}
	return subjects
}
