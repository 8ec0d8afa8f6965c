package recorded

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/infra/messaging"
)

// Place is where a record is; the topic is without prefix.
type Place struct {
	Topic     string
	Partition int32
	Offset    int64
}

// Log is where records are read.
type Log struct {
	Client func(opts ...kgo.Opt) (*kgo.Client, error) // a new one
	Prefix string
	Codec  messaging.Codec
}

// span is what is read of a partition: from ≤ offset ≤ to.
type span struct{ from, to int64 }

// Bodies returns the messages at the places, by their id. What the log no longer holds is missing; so is what cannot be read,
// which nobody handled either.
func (l Log) Bodies(ctx context.Context, places []Place) (map[uuid.UUID]messaging.Message, error) {
	wanted := make(map[Place]bool, len(places))
	for _, p := range places {
		wanted[p] = true
	}
	spans, err := l.spans(ctx, places)
	if err != nil || len(spans) == 0 {
		return nil, err
	}
	from := map[string]map[int32]kgo.Offset{}
	for topic, partitions := range spans {
		from[topic] = map[int32]kgo.Offset{}
		for p, s := range partitions {
			from[topic][p] = kgo.NewOffset().At(s.from)
		}
	}
	client, err := l.Client(kgo.ConsumePartitions(from))
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	defer client.Close()
	bodies := make(map[uuid.UUID]messaging.Message, len(places))
	for len(spans) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("read the log: %w", err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if wanted[Place{r.Topic[len(l.Prefix):], r.Partition, r.Offset}] {
				if m, err := messaging.ReadRecord(l.Codec, l.Prefix, r); err == nil {
					bodies[m.ID] = m
				}
			}
			if s, ok := spans[r.Topic][r.Partition]; ok && r.Offset >= s.to {
				delete(spans[r.Topic], r.Partition)
				client.PauseFetchPartitions(map[string][]int32{r.Topic: {r.Partition}})
			}
			if len(spans[r.Topic]) == 0 {
				delete(spans, r.Topic)
			}
		})
	}
	return bodies, nil
}

// spans returns what is to be read, within what the log holds.
func (l Log) spans(ctx context.Context, places []Place) (map[string]map[int32]span, error) {
	spans := map[string]map[int32]span{}
	var topics []string
	for _, p := range places {
		topic := l.Prefix + p.Topic
		if spans[topic] == nil {
			spans[topic] = map[int32]span{}
			topics = append(topics, topic)
		}
		s, ok := spans[topic][p.Partition]
		if !ok {
			s = span{p.Offset, p.Offset}
		}
		spans[topic][p.Partition] = span{min(s.from, p.Offset), max(s.to, p.Offset)}
	}
	if len(topics) == 0 {
		return nil, nil
	}
	client, err := l.Client()
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	admin := kadm.NewClient(client)
	starts, err := admin.ListStartOffsets(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	ends, err := admin.ListEndOffsets(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	for topic, partitions := range spans {
		for p, s := range partitions {
			start, _ := starts.Lookup(topic, p)
			end, _ := ends.Lookup(topic, p)
			s = span{max(s.from, start.Offset), min(s.to, end.Offset-1)}
			if partitions[p] = s; s.from > s.to {
				delete(partitions, p)
			}
		}
		if len(partitions) == 0 {
			delete(spans, topic)
		}
	}
	return spans, nil
}
