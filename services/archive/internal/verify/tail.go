package verify

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// patience is how long a broker may take for the next records of a log that is not at its end.
const patience = 30 * time.Second

// tail reads one partition from an offset up to, not including, another, without control records.
type tail struct {
	client *kgo.Client
	to     int64
	next   int64 // all before it were seen
	buffer []*kgo.Record
}

func openTail(d Deps, topic string, partition int32, from, to int64) (*tail, error) {
	client, err := d.Kafka(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: kgo.NewOffset().At(from)}}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // or the end might never be seen
		kgo.FetchMaxPartitionBytes(4<<20),
	)
	if err != nil {
		return nil, err
	}
	return &tail{client: client, to: to, next: from}, nil
}

func (t *tail) close() { t.client.Close() }

// peek returns the next record, nil at the end.
func (t *tail) peek(ctx context.Context) (*kgo.Record, error) {
	for {
		for len(t.buffer) > 0 {
			r := t.buffer[0]
			if r.Offset >= t.to {
				return nil, nil
			}
			if !r.Attrs.IsControl() {
				return r, nil
			}
			t.take()
		}
		if t.next >= t.to {
			return nil, nil
		}
		poll, cancel := context.WithTimeout(ctx, patience)
		fetches := t.client.PollRecords(poll, 10_000)
		cancel()
		if err := fetches.Err0(); err != nil {
			return nil, fmt.Errorf("%w: read the log at offset %d: %w", ErrKafka, t.next, err)
		}
		for _, e := range fetches.Errors() {
			return nil, fmt.Errorf("%w: read the log at offset %d: %w", ErrKafka, t.next, e.Err)
		}
		t.buffer = fetches.Records()
	}
}

// take goes on behind what peek returned.
func (t *tail) take() {
	t.next = t.buffer[0].Offset + 1
	t.buffer = t.buffer[1:]
}
