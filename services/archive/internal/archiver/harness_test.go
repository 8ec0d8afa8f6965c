package archiver_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/postgres"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/archive/internal/archiver"
	"ordersaga.internal/services/archive/internal/store"
	"ordersaga.internal/services/archive/internal/verify"
	"ordersaga.internal/services/archive/migrations"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const partitions = 3

var topics = []string{"order.events", "order.commands"}

// lake is an archive of its own, reached as its run role, beside a broker.
type lake struct {
	*testing.T

	broker  testkit.Broker
	owner   *testkit.DB
	run     *pgxpool.Pool
	client  *kgo.Client
	metrics *prometheus.Registry // of the archiver started last
	words   *words
}

func newLake(t *testing.T, b testkit.Broker) *lake {
	t.Helper()
	l := &lake{T: t, broker: b, owner: testkit.Postgres(t), client: b.Client(t), words: &words{}}
	l.run = runRole(t, l.owner)
	b.Topics(t, partitions, topics...)
	return l
}

// runRole migrates and returns a pool of the role that programs run as.
func runRole(t *testing.T, db *testkit.DB) *pgxpool.Pool {
	t.Helper()
	role := db.Schema + "_run"
	exec := func(sql string) {
		t.Helper()
		_, err := db.Pool.Exec(context.WithoutCancel(t.Context()), sql)
		require.NoError(t, err)
	}
	exec(`CREATE ROLE ` + role + ` LOGIN`)
	t.Cleanup(func() { exec(`DROP OWNED BY ` + role); exec(`DROP ROLE ` + role) })
	for range 2 {
		require.NoError(t, migrations.Migrate(t.Context(), db.URL, role))
	}
	u, err := url.Parse(db.URL)
	require.NoError(t, err)
	u.User = url.User(role)
	pool, err := postgres.Open(t.Context(), u.String())
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

func (l *lake) kafka(opts ...kgo.Opt) (*kgo.Client, error) {
	return kafka.NewClient(l.broker.Config(), slog.New(slog.DiscardHandler), opts...)
}

// start runs a replica until the returned function is called, or the test ends.
func (l *lake) start(replica string, checkpoint int) (stop func()) {
	l.Helper()
	l.metrics = prometheus.NewRegistry()
	a, err := archiver.New(
		archiver.Deps{Pool: l.run, Kafka: l.kafka, Log: slog.New(slog.NewTextHandler(l.words, nil)), Metrics: l.metrics},
		archiver.Config{
			Service: "archive", Topics: topics, TopicPrefix: l.broker.Prefix, Partitions: partitions, Replica: replica,
			BatchSize: 500, Linger: 20 * time.Millisecond, Checkpoint: checkpoint,
		})
	require.NoError(l, err)
	ctx, cancel := context.WithCancel(l.Context())
	var done sync.WaitGroup
	done.Go(func() {
		if err := a.Run(ctx); err != nil {
			l.Errorf("archiver: %v", err)
		}
	})
	stop = sync.OnceFunc(func() { cancel(); done.Wait() })
	l.Cleanup(stop)
	return stop
}

func (l *lake) record(topic string, partition int32, key, value string) *kgo.Record {
	return &kgo.Record{
		Topic: l.broker.Prefix + topic, Partition: partition, Key: []byte(key), Value: []byte(value),
		Headers: []kgo.RecordHeader{{Key: "ce_type", Value: []byte("OrderPlaced.v1")}, {Key: "content-type", Value: []byte("application/json")}},
	}
}

func (l *lake) produce(records ...*kgo.Record) {
	l.Helper()
	require.NoError(l, l.client.ProduceSync(l.Context(), records...).FirstErr())
}

// many produces n records over all topics and partitions.
func (l *lake) many(from, n int) {
	l.Helper()
	records := make([]*kgo.Record, n)
	for i := range records {
		k := from + i
		records[i] = l.record(topics[k%2], int32(k/2%partitions), fmt.Sprintf("key-%d", k%100), fmt.Sprintf(`{"n":%d}`, k))
	}
	l.produce(records...)
}

// verify holds the archive against itself and Kafka, once everything is archived.
func (l *lake) verify() *verify.Report {
	l.Helper()
	r, err := verify.Run(l.Context(), verify.Deps{Pool: l.run, Kafka: l.kafka}, verify.Config{
		Topics: topics, TopicPrefix: l.broker.Prefix, Wait: testkit.Patience,
	})
	require.NoError(l, err, l.words)
	return r
}

// holds is verify where there must be nothing wrong.
func (l *lake) holds() *verify.Report {
	l.Helper()
	r := l.verify()
	require.Zero(l, r.Behind, l.words)
	require.Empty(l, r.Differences)
	return r
}

func (l *lake) count(sql string, args ...any) (n int) {
	l.Helper()
	require.NoError(l, l.owner.Pool.QueryRow(l.Context(), sql, args...).Scan(&n))
	return n
}

// stream is the newest of a place.
func (l *lake) stream(topic string, partition int32) *store.Stream {
	l.Helper()
	streams, err := store.Streams(l.Context(), l.run)
	require.NoError(l, err)
	for _, s := range store.Newest(streams) {
		if s.Topic == topic && s.Partition == partition {
			return s
		}
	}
	return nil
}

// createTime lets producers say the time of a topic's records.
func (l *lake) createTime(topic string) {
	l.Helper()
	value := "CreateTime"
	answers, err := kadm.NewClient(l.client).AlterTopicConfigs(l.Context(),
		[]kadm.AlterConfig{{Op: kadm.SetConfig, Name: "message.timestamp.type", Value: &value}}, l.broker.Prefix+topic)
	require.NoError(l, err)
	_, err = answers.On(l.broker.Prefix+topic, nil)
	require.NoError(l, err)
}

// words is the log.
type words struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *words) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}
