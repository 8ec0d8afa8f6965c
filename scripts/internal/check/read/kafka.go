package read

import (
	"context"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/scripts/internal/check"
)

// offsets fills in where each partition of each topic begins and ends.
func (l *Live) offsets(ctx context.Context, r *check.Rest) error {
	admin := kadm.NewClient(l.kafka)
	starts, err := admin.ListStartOffsets(ctx, check.Topics()...)
	if err != nil {
		return fmt.Errorf("where the topics begin: %w: %w", ErrUnreachable, err)
	}
	ends, err := admin.ListEndOffsets(ctx, check.Topics()...)
	if err != nil {
		return fmt.Errorf("where the topics end: %w: %w", ErrUnreachable, err)
	}
	if r.Starts, err = table(starts); err != nil {
		return err
	}
	r.Ends, err = table(ends)
	return err
}

// table turns listed offsets into a slice a topic, by partition.
func table(listed kadm.ListedOffsets) (map[string][]int64, error) {
	out := map[string][]int64{}
	for _, name := range check.Topics() {
		partitions, ok := listed[name]
		if !ok {
			return nil, fmt.Errorf("there is no topic %s", name)
		}
		out[name] = make([]int64, len(partitions))
		for n, o := range partitions {
			if o.Err != nil {
				return nil, fmt.Errorf("offsets of %s/%d: %w: %w", name, n, ErrUnreachable, o.Err)
			}
			if int(n) < len(out[name]) {
				out[name][n] = o.Offset
			}
		}
	}
	return out, nil
}

// Records implements check.Source, with a client of its own: several partition numbers are read at once.
func (l *Live) Records(ctx context.Context, partition int32, upTo check.Rest, see func(*check.Record) error) error {
	left := map[string]int64{} // topic → end
	from := map[string]map[int32]kgo.Offset{}
	for _, name := range check.Topics() {
		if end := upTo.Ends[name][partition]; end > 0 {
			left[name] = end
			from[name] = map[int32]kgo.Offset{partition: kgo.NewOffset().At(0)}
		}
	}
	if len(left) == 0 {
		return nil
	}
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(l.addresses.Brokers, ",")...),
		kgo.ConsumePartitions(from),
		kgo.KeepControlRecords(),          // else one at the end would be waited for
		kgo.FetchMaxPartitionBytes(8<<20), // long reads, few requests
		kgo.DisableFetchSessions(),        // the set of partitions shrinks
		kgo.FetchIsolationLevel(kgo.ReadUncommitted()),
	)
	if err != nil {
		return fmt.Errorf("read partition %d: %w", partition, err)
	}
	defer cl.Close()
	var record check.Record
	for len(left) > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return fmt.Errorf("read partition %d: %w", partition, err)
		}
		for _, e := range fetches.Errors() {
			return fmt.Errorf("read %s/%d: %w: %w", e.Topic, e.Partition, ErrUnreachable, e.Err)
		}
		var failed error
		fetches.EachRecord(func(r *kgo.Record) {
			end, wanted := left[r.Topic]
			if !wanted || failed != nil {
				return
			}
			if r.Offset < end && !r.Attrs.IsControl() {
				copyRecord(&record, r)
				failed = see(&record)
			}
			if r.Offset >= end-1 {
				delete(left, r.Topic)
				cl.PauseFetchPartitions(map[string][]int32{r.Topic: {partition}})
			}
		})
		if failed != nil {
			return failed
		}
	}
	return nil
}

func copyRecord(to *check.Record, r *kgo.Record) {
	*to = check.Record{
		Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, At: r.Timestamp.UnixMilli(),
		Key: string(r.Key), Value: r.Value, Headers: to.Headers[:0],
	}
	for _, h := range r.Headers {
		to.Headers = append(to.Headers, check.Header{Key: h.Key, Value: string(h.Value)})
	}
}
