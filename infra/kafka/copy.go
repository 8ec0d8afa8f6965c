package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// ErrForeignRecords says that a topic has records in partitions that nobody of ours writes to.
var ErrForeignRecords = errors.New("records in partitions that are not ours")

// CopyTopics copies what is in the first partitions of from+names to the topics to+names, which exist: each record into the
// partition of the same number, in order, as it is. It is for topics that got too many partitions, which Kafka cannot take
// away; nothing may be writing meanwhile. It returns how many records were copied. Errors: ErrForeignRecords.
func CopyTopics(ctx context.Context, newClient func(...kgo.Opt) (*kgo.Client, error), from, to string, names []string, partitions int32) (int64, error) {
	target, err := newClient()
	if err != nil {
		return 0, err
	}
	defer target.Close()
	if err := CheckTopics(ctx, target, to, names, partitions); err != nil {
		return 0, err
	}
	places, left, err := toCopy(ctx, kadm.NewClient(target), withPrefix(from, names), partitions)
	if err != nil || left == 0 {
		return 0, err
	}
	source, err := newClient(kgo.ConsumePartitions(places))
	if err != nil {
		return 0, err
	}
	defer source.Close()
	var copied int64
	for copied < left {
		fetches := source.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return copied, fmt.Errorf("read %s: %w", from, err)
		}
		var out []*kgo.Record
		fetches.EachRecord(func(r *kgo.Record) {
			out = append(out, &kgo.Record{
				Topic: to + r.Topic[len(from):], Partition: r.Partition, Key: r.Key, Value: r.Value, Headers: r.Headers,
			})
		})
		if err := target.ProduceSync(ctx, out...).FirstErr(); err != nil {
			return copied, fmt.Errorf("write %s: %w", to, err)
		}
		copied += int64(len(out))
	}
	return copied, nil
}

// toCopy returns where to begin, and how many records there are.
func toCopy(ctx context.Context, admin *kadm.Client, topics []string, partitions int32) (map[string]map[int32]kgo.Offset, int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	starts, err := admin.ListStartOffsets(ctx, topics...)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return nil, 0, fmt.Errorf("where the topics begin: %w", err)
	}
	ends, err := admin.ListEndOffsets(ctx, topics...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, 0, fmt.Errorf("where the topics end: %w", err)
	}
	places := map[string]map[int32]kgo.Offset{}
	var total int64
	ends.Each(func(end kadm.ListedOffset) {
		start, _ := starts.Lookup(end.Topic, end.Partition)
		n := end.Offset - start.Offset
		switch {
		case n == 0:
			return
		case end.Partition >= partitions:
			err = fmt.Errorf("%w: %s/%d has %d", ErrForeignRecords, end.Topic, end.Partition, n)
		}
		if places[end.Topic] == nil {
			places[end.Topic] = map[int32]kgo.Offset{}
		}
		places[end.Topic][end.Partition] = kgo.NewOffset().At(start.Offset)
		total += n
	})
	return places, total, err
}
