package testkit

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/localstack"
)

// Broker is a Kafka that many tests share; Prefix, before every topic and group, is the test's own and never used again.
type Broker struct {
	Addrs  []string
	Prefix string
}

// Kafka returns the embedded broker.
func Kafka(t testing.TB) Broker {
	t.Helper()
	return broker(t, sharedEmbedded)
}

// EachBroker runs test against the embedded broker and against real Apache Kafka, as subtests "embedded" and "apache".
// Where there is no Java, the latter is left out with a line in the log; with CI=true it fails.
func EachBroker(t *testing.T, test func(t *testing.T, b Broker)) {
	t.Helper()
	t.Run("embedded", func(t *testing.T) { test(t, broker(t, sharedEmbedded)) })
	if os.Getenv("ORDERSAGA_TEST_KAFKA_APACHE") == "" && !localstack.HasJava() && os.Getenv("CI") != "true" {
		t.Log("NOT RUN against Apache Kafka: no java on the PATH, and ORDERSAGA_TEST_KAFKA_APACHE is not set")
		return
	}
	t.Run("apache", func(t *testing.T) { test(t, broker(t, sharedApache)) })
}

// Client returns a client of the broker, closed when the test ends.
func (b Broker) Client(t testing.TB, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kafka.NewClient(b.Config(), slog.New(slog.DiscardHandler), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// Config is what kafka.NewClient needs for the broker.
func (b Broker) Config() kafka.Config { return kafka.Config{Brokers: b.Addrs, TopicPrefix: b.Prefix} }

// Topics creates topics, named without the prefix.
func (b Broker) Topics(t testing.TB, partitions int32, names ...string) {
	t.Helper()
	if err := kafka.EnsureTopics(t.Context(), b.Client(t), b.Prefix, names, partitions, 1, 1); err != nil {
		t.Fatal(err)
	}
}

func broker(t testing.TB, start func() (string, error)) Broker {
	t.Helper()
	addr, err := start()
	if err != nil {
		t.Fatalf("Kafka for tests: %v", err)
	}
	return Broker{Addrs: kafka.Brokers(addr), Prefix: "t-" + randomHex() + "."}
}

var sharedEmbedded = sync.OnceValues(func() (string, error) {
	if given := os.Getenv("ORDERSAGA_TEST_KAFKA"); given != "" {
		return given, nil
	}
	k, err := localstack.StartEmbeddedKafka(localstack.EmbeddedKafkaConfig{})
	if err != nil {
		return "", err
	}
	atExit(k.Stop)
	return k.Addr, nil
})

var sharedApache = sync.OnceValues(func() (string, error) {
	if given := os.Getenv("ORDERSAGA_TEST_KAFKA_APACHE"); given != "" {
		return given, nil
	}
	dir, err := os.MkdirTemp(memory(), "ordersaga-test-")
	if err != nil {
		return "", err
	}
	k, err := localstack.StartApacheKafka(context.Background(), localstack.ApacheKafkaConfig{
		Dir: filepath.Join(dir, "kafka"),
	})
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	if err := sweepAfter(k.PID(), dir); err != nil {
		k.Stop()
		return "", err
	}
	atExit(k.Stop)
	return k.Addr, nil
})
