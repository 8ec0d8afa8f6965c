package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/plugin/kslog"
)

// Config of a client.
type Config struct {
	Brokers     []string // host:port. Required.
	TopicPrefix string   // before every topic and group; clients do not add it, those who name topics do.
	ClientID    string   // what the broker's logs and quotas call us. Default "ordersaga".
	Compression string   // of what is produced: none, lz4, snappy, zstd. Default none: see NewClient.
	Metrics     *Metrics // shared by all clients of the process; nil: none.
}

// NewClient builds a client; it connects when first used. extra comes last and so wins.
func NewClient(cfg Config, log *slog.Logger, extra ...kgo.Opt) (*kgo.Client, error) {
	if len(cfg.Brokers) == 0 {
		return nil, errors.New("no Kafka brokers configured")
	}
	codec, err := compression(cfg.Compression)
	if err != nil {
		return nil, err
	}
	id := cfg.ClientID
	if id == "" {
		id = "ordersaga"
	}
	opts := []kgo.Opt{
		kgo.SeedBrokers(cfg.Brokers...),
		kgo.ClientID(id),
		kgo.WithLogger(kslog.New(atLeastWarn(log))),

		// Every topic's partition is ours to choose (Partition): an order has one number everywhere.
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		// A record counts once every in-sync replica has it, and a retry inside the client is neither repeated nor
		// reordered (idempotence is always on). These are the client's defaults, said aloud because the promise to readers rests on them.
		kgo.RequiredAcks(kgo.AllISRAcks()),
		// Eleven hops make an order: no hop waits for company. Batches form by themselves, while the request before
		// is in flight.
		kgo.ProducerLinger(0),
		// On one machine compressing costs more than it saves: measured against Apache Kafka, 40,000 records of 250
		// bytes took 20 ms of this process's CPU, with lz4 35 ms. Over a network, set lz4.
		kgo.ProducerBatchCompression(codec),
		// The relay hands over what one read of the outbox gave, at most some thousands.
		kgo.MaxBufferedRecords(50_000),

		// A read that finds nothing waits at the broker, which answers on the first record: no latency, few requests.
		kgo.FetchMinBytes(1),
		kgo.FetchMaxWait(500 * time.Millisecond),

		// Producing right after creating a topic would otherwise wait up to 5 s, the default.
		kgo.MetadataMinAge(100 * time.Millisecond),
		// A topic that is created again, or has another number of partitions, is noticed within this.
		kgo.MetadataMaxAge(30 * time.Second),

		// A broker that is gone is noticed in seconds; requests are retried, records for as long as it takes: the
		// caller's context bounds what must be bounded.
		kgo.DialTimeout(3 * time.Second),
		kgo.RequestTimeoutOverhead(5 * time.Second),
	}
	if cfg.Metrics != nil {
		opts = append(opts, kgo.WithHooks(cfg.Metrics))
	}
	client, err := kgo.NewClient(append(opts, extra...)...)
	if err != nil {
		return nil, fmt.Errorf("kafka client: %w", err)
	}
	return client, nil
}

func compression(name string) (kgo.CompressionCodec, error) {
	switch name {
	case "", "none":
		return kgo.NoCompression(), nil
	case "lz4":
		return kgo.Lz4Compression(), nil
	case "snappy":
		return kgo.SnappyCompression(), nil
	case "zstd":
		return kgo.ZstdCompression(), nil
	}
	return kgo.CompressionCodec{}, fmt.Errorf("compression %q is none of none, lz4, snappy, zstd", name)
}

// Brokers splits a comma-separated list.
func Brokers(list string) []string {
	var out []string
	for broker := range strings.SplitSeq(list, ",") {
		if broker = strings.TrimSpace(broker); broker != "" {
			out = append(out, broker)
		}
	}
	return out
}

// atLeastWarn keeps the client's chatter about metadata and groups out of our logs, and spares it the formatting.
func atLeastWarn(log *slog.Logger) *slog.Logger { return slog.New(warnOnly{log.Handler()}) }

type warnOnly struct{ slog.Handler }

func (h warnOnly) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

func (h warnOnly) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnOnly{h.Handler.WithAttrs(attrs)}
}
func (h warnOnly) WithGroup(name string) slog.Handler { return warnOnly{h.Handler.WithGroup(name)} }
