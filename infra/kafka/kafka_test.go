package kafka_test

import (
	"log/slog"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"

	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// The numbers are those of Kafka's own UtilsTest.testMurmur2, made positive and taken modulo 2^31-1, which leaves them.
func TestPartitionIsJavas(t *testing.T) {
	t.Parallel()
	for key, murmur := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
		"abc": 479470107,
	} {
		require.Equal(t, (murmur&0x7fffffff)%12, kafka.Partition([]byte(key), 12), key)
	}
}

// franz-go has the same hash of its own; they must agree on every key.
func TestPartitionIsFranzGos(t *testing.T) {
	t.Parallel()
	theirs := kgo.StickyKeyPartitioner(nil).ForTopic("t")
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 1, 64).Draw(t, "key")
		require.Equal(t, theirs.Partition(&kgo.Record{Key: key}, 12), int(kafka.Partition(key, 12)))
	})
}

func TestTopicsAreMadeOnceAndCheckedForEver(t *testing.T) {
	t.Parallel()
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		t.Parallel()
		cl := b.Client(t)
		names := []string{"a.events", "b.commands"}
		err := kafka.CheckTopics(t.Context(), cl, b.Prefix, names, 12)
		require.ErrorIs(t, err, kafka.ErrTopics)
		require.ErrorContains(t, err, b.Prefix+"a.events")
		require.ErrorContains(t, err, "create each with 12 partitions")

		require.NoError(t, kafka.EnsureTopics(t.Context(), cl, b.Prefix, names, 12, 1, 1))
		require.NoError(t, kafka.EnsureTopics(t.Context(), cl, b.Prefix, names, 12, 1, 1))
		require.NoError(t, kafka.CheckTopics(t.Context(), cl, b.Prefix, names, 12))

		err = kafka.CheckTopics(t.Context(), cl, b.Prefix, names, 6)
		require.ErrorIs(t, err, kafka.ErrTopics)
		require.ErrorContains(t, err, "must have 6 partitions")
		require.ErrorIs(t, kafka.EnsureTopics(t.Context(), cl, b.Prefix, names, 6, 1, 1), kafka.ErrTopics)
	})
}

func TestAnUnreachableBrokerIsNoMissingTopic(t *testing.T) {
	t.Parallel()
	cl, err := kafka.NewClient(kafka.Config{Brokers: []string{"127.0.0.1:1"}}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer cl.Close()
	err = kafka.CheckTopics(t.Context(), cl, "", []string{"a"}, 1)
	require.Error(t, err)
	require.NotErrorIs(t, err, kafka.ErrTopics)
}

func TestClientsOfAProcessShareMetrics(t *testing.T) {
	t.Parallel()
	b := testkit.Kafka(t)
	b.Topics(t, 1, "things")
	registry := prometheus.NewRegistry()
	config := b.Config()
	config.Metrics = kafka.NewMetrics(registry)
	config.Compression = "lz4"
	for range 2 {
		cl, err := kafka.NewClient(config, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		record := &kgo.Record{Topic: b.Prefix + "things", Value: []byte("v")}
		require.NoError(t, cl.ProduceSync(t.Context(), record).FirstErr())
		cl.Close()
	}
	n, err := testutil.GatherAndCount(registry, "kafka_produced_records_total")
	require.NoError(t, err)
	require.Equal(t, 1, n) // one topic
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == "kafka_produced_records_total" {
			require.InDelta(t, 2, f.GetMetric()[0].GetCounter().GetValue(), 0)
		}
	}
}

func TestWrongConfigurationIsSaid(t *testing.T) {
	t.Parallel()
	_, err := kafka.NewClient(kafka.Config{}, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "no Kafka brokers")
	_, err = kafka.NewClient(kafka.Config{Brokers: []string{"x:1"}, Compression: "zip"}, slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, `"zip"`)
	require.Equal(t, []string{"a:1", "b:2"}, kafka.Brokers(" a:1, b:2,"))
}

func BenchmarkPartition(b *testing.B) {
	key := []byte("0199b1de-7c1e-7aaa-8bbb-0123456789ab")
	for b.Loop() {
		kafka.Partition(key, 12)
	}
}
