package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"ordersaga.internal/services/archive/internal/chain"
	"ordersaga.internal/services/archive/internal/store"
)

// Deps is what a verification reads. All fields are required.
type Deps struct {
	Pool  *pgxpool.Pool                              // run role
	Kafka func(opts ...kgo.Opt) (*kgo.Client, error) // a new client
}

// Config of a verification.
type Config struct {
	Topics      []string      // without prefix. Required.
	TopicPrefix string        // Default "".
	Wait        time.Duration // for what Kafka holds now to be archived. 0: what is not is only told
	Parallel    int           // streams at a time. Default 2.
}

// Difference is where a stream is first not what it was, or not what Kafka holds. Before Next: one offset after Offset
// where the record is known, else the end of the interval that it is in.
type Difference struct {
	Topic        string
	Partition    int32
	Offset, Next int64
	What         string
}

func (d Difference) String() string {
	if d.Next > d.Offset+1 {
		return fmt.Sprintf("%s/%d from offset %d to %d: %s", d.Topic, d.Partition, d.Offset, d.Next-1, d.What)
	}
	return fmt.Sprintf("%s/%d offset %d: %s", d.Topic, d.Partition, d.Offset, d.What)
}

// ErrKafka says that Kafka could not be read.
var ErrKafka = errors.New("no answer from Kafka")

// Head is the hash of all that a stream holds. Kept elsewhere, it proves later that nothing before it was changed.
type Head struct {
	Topic     string
	Partition int32
	Next      int64
	Chain     chain.Link
}

// Report is the result. The archive holds if there are no differences.
type Report struct {
	Streams     int
	Records     int64 // whose chain was recomputed
	Compared    int64 // of them, with Kafka's
	Retired     int64 // that were given up with their day
	Behind      int64 // offsets in Kafka that are not archived yet
	Beyond      int64 // offsets that are archived and no longer in a log that was cut off
	Differences []Difference
	Heads       []Head
}

// log is what Kafka holds of a partition.
type log struct {
	topicID    uuid.UUID
	start, end int64
}

// Run verifies everything. An error is one of reading; that it does not hold is in the report.
func Run(ctx context.Context, d Deps, c Config) (*Report, error) {
	client, err := d.Kafka()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	logs, err := readLogs(ctx, client, c)
	if err != nil {
		return nil, err
	}
	streams, behind, err := await(ctx, d, c, logs)
	if err != nil {
		return nil, err
	}
	if logs, err = readLogs(ctx, client, c); err != nil { // not older than the streams
		return nil, err
	}
	r := &Report{Streams: len(streams), Behind: behind}
	var mu sync.Mutex
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(cmp.Or(c.Parallel, 2))
	for i, s := range streams {
		w := &walk{deps: d, prefix: c.TopicPrefix, s: s}
		w.bound(logs, streams[i+1:])
		work.Go(func() error {
			err := w.run(ctx)
			mu.Lock()
			defer mu.Unlock()
			r.add(w)
			return err
		})
	}
	if err := work.Wait(); err != nil {
		return nil, err
	}
	slices.SortFunc(r.Differences, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	for _, s := range store.Newest(streams) {
		r.Heads = append(r.Heads, Head{s.Topic, s.Partition, s.Next, s.Chain})
	}
	return r, nil
}

// Cursor is a checkpoint of a stream, from which a verification goes on. The zero Cursor is the beginning of the oldest.
type Cursor struct {
	Stream int16
	Next   int64
}

// Part verifies one place from a cursor on: about limit records, to the end of an interval. next is where it goes on, nil
// where it came to the end.
func Part(ctx context.Context, d Deps, c Config, at store.Place, after Cursor, limit int) (r *Report, next *Cursor, err error) {
	client, err := d.Kafka()
	if err != nil {
		return nil, nil, err
	}
	defer client.Close()
	c.Topics, c.Wait = []string{at.Topic}, 0
	streams, _, err := await(ctx, d, c, nil)
	if err != nil {
		return nil, nil, err
	}
	logs, err := readLogs(ctx, client, c)
	if err != nil {
		return nil, nil, err
	}
	streams = slices.DeleteFunc(streams, func(s *store.Stream) bool { return s.Place != at })
	r = &Report{}
	end := logs[at].start // of what is archived
	for i, s := range streams {
		end = max(logs[at].start, s.Next)
		if s.ID < after.Stream {
			continue
		}
		if limit <= 0 {
			return r, &Cursor{Stream: s.ID}, nil
		}
		w := &walk{deps: d, prefix: c.TopicPrefix, s: s, limit: limit}
		if s.ID == after.Stream {
			w.after = after.Next
		}
		w.bound(logs, streams[i+1:])
		if err := w.run(ctx); err != nil {
			return nil, nil, err
		}
		if w.ended > 0 {
			w.beyond = 0 // told with the last part
		}
		r.Streams++
		r.add(w)
		if limit -= int(w.records + w.retired); w.ended > 0 && w.found == nil {
			return r, &Cursor{s.ID, w.ended}, nil
		}
	}
	r.Behind = max(0, logs[at].end-end)
	return r, nil, nil
}

func (r *Report) add(w *walk) {
	r.Records += w.records
	r.Compared += w.compared
	r.Retired += w.retired
	r.Beyond += w.beyond
	if w.found != nil {
		r.Differences = append(r.Differences, *w.found)
	}
}

// await reads the streams, once they have come to where the logs end or the patience is over. behind is what they miss.
func await(ctx context.Context, d Deps, c Config, logs map[store.Place]log) (streams []*store.Stream, behind int64, err error) {
	deadline := time.Now().Add(c.Wait)
	for {
		if streams, err = store.Streams(ctx, d.Pool); err != nil {
			return nil, 0, err
		}
		next := map[store.Place]int64{}
		for _, s := range store.Newest(streams) {
			next[s.Place] = s.Next
		}
		behind = 0
		for at, l := range logs {
			behind += max(0, l.end-max(next[at], l.start))
		}
		if behind == 0 || !time.Now().Before(deadline) {
			return streams, behind, nil
		}
		select {
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func readLogs(ctx context.Context, client *kgo.Client, c Config) (map[store.Place]log, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	names := make([]string, len(c.Topics))
	for i, topic := range c.Topics {
		names[i] = c.TopicPrefix + topic
	}
	admin := kadm.NewClient(client)
	topics, err := admin.ListTopics(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("%w: read the logs' bounds: %w", ErrKafka, err)
	}
	starts, err := admin.ListStartOffsets(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("%w: read the logs' bounds: %w", ErrKafka, err)
	}
	ends, err := admin.ListCommittedOffsets(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("%w: read the logs' bounds: %w", ErrKafka, err)
	}
	if err := errors.Join(topics.Error(), starts.Error(), ends.Error()); err != nil {
		return nil, fmt.Errorf("%w: read the logs' bounds: %w", ErrKafka, err)
	}
	logs := map[store.Place]log{}
	ends.Each(func(o kadm.ListedOffset) {
		start, _ := starts.Lookup(o.Topic, o.Partition)
		at := store.Place{Topic: o.Topic[len(c.TopicPrefix):], Partition: o.Partition}
		logs[at] = log{topicID: uuid.UUID(topics[o.Topic].ID), start: start.Offset, end: o.Offset}
	})
	return logs, nil
}
