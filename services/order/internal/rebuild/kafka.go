package rebuild

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// chunk is about how many records are folded at once.
	chunk = 20_000
	// silence is how long a broker may send nothing of what it holds.
	silence = 30 * time.Second
)

// Kafka reads the log itself, without a group: nobody else's reading changes.
type Kafka struct {
	Client func(opts ...kgo.Opt) (*kgo.Client, error)
	Prefix string // of topics
}

var _ Source = Kafka{}

// Read leaves no rest. Errors: the log no longer holds the beginning of a span.
func (k Kafka) Read(ctx context.Context, spans []Span, each func([]*kgo.Record) error) ([]Span, error) {
	if len(spans) == 0 {
		return nil, nil
	}
	missing := make(map[Place]Span, len(spans))
	from := map[string]map[int32]kgo.Offset{}
	for _, s := range spans {
		missing[s.Place] = s
		if from[k.Prefix+s.Topic] == nil {
			from[k.Prefix+s.Topic] = map[int32]kgo.Offset{}
		}
		from[k.Prefix+s.Topic][s.Partition] = kgo.NewOffset().At(s.From)
	}
	client, err := k.Client(kgo.ConsumePartitions(from), kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.KeepControlRecords(), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		return nil, fmt.Errorf("read Kafka: %w", err)
	}
	defer client.Close()
	for len(missing) > 0 {
		records, err := k.poll(ctx, client, missing)
		if err == nil {
			err = each(records)
		}
		if err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// poll returns the next records of what is missing, and forgets the spans that end with them.
func (k Kafka) poll(ctx context.Context, client *kgo.Client, missing map[Place]Span) (records []*kgo.Record, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, silence, errSilence)
	defer cancel()
	fetches := client.PollRecords(ctx, chunk)
	fetches.EachError(func(topic string, partition int32, fault error) {
		if errors.Is(fault, kerr.OffsetOutOfRange) {
			err = fmt.Errorf("%s/%d: the log no longer holds what the read model is made of; rebuild it from the archive: %w", topic, partition, fault)
			return
		}
		err = errors.Join(err, fmt.Errorf("read %s/%d: %w", topic, partition, fault))
	})
	if err != nil {
		return nil, errors.Join(err, context.Cause(ctx))
	}
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		place := Place{strings.TrimPrefix(p.Topic, k.Prefix), p.Partition}
		span, wanted := missing[place]
		if !wanted {
			return
		}
		for _, r := range p.Records {
			if r.Offset >= span.From && r.Offset < span.To {
				records = append(records, r)
			}
			if r.Offset >= span.To-1 {
				delete(missing, place)
				client.PauseFetchPartitions(map[string][]int32{p.Topic: {p.Partition}})
				break
			}
		}
	})
	return records, nil
}

var errSilence = errors.New("the broker sends nothing of what the read model was made of")
