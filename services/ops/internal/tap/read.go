package tap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/program"
)

// Broker is where topics are.
type Broker struct {
	Addrs  []string
	Prefix string // of every topic's name
}

// Query says what is wanted.
type Query struct {
	Topics []string  // without prefix
	Order  uuid.UUID // uuid.Nil: all
	Type   string    // "OrderPlaced.v1", or "OrderPlaced" for any version; "": all
	From   From
	Limit  int  // most records; 0: no limit
	Follow bool // go on with what comes; else end where the log ends now
}

// Span is what the log of one partition holds: from First to before Next.
type Span struct{ First, Next int64 }

// lookTime is how long the brokers may take to say what there is.
const lookTime = 10 * time.Second

// errEnough ends a reading.
var errEnough = errors.New("enough")

// Read calls each with what was asked for, in the order of each partition, until there is no more or each returns an error. It returns what the
// logs held when it began, by topic and partition, without prefix. Errors of brokers that are away are ErrNotReachable.
func Read(ctx context.Context, b Broker, q Query, each func(Record) error) (map[string]map[int32]Span, error) {
	look, err := b.client()
	if err != nil {
		return nil, program.Usage(err)
	}
	defer look.Close()
	limited, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	p, err := b.plan(limited, kadm.NewClient(look), q)
	if err != nil {
		return nil, b.away(ctx, err)
	}
	if len(p.begin) == 0 && !q.Follow {
		return p.spans, nil
	}
	cl, err := b.client(kgo.ConsumePartitions(p.begin), kgo.KeepControlRecords())
	if err != nil {
		return nil, program.Usage(err)
	}
	defer cl.Close()
	r := reading{Query: q, prefix: b.Prefix, plan: p, each: each}
	for q.Follow || len(p.open) > 0 {
		fetches, err := poll(ctx, cl, q.Follow)
		if err != nil {
			return p.spans, b.away(ctx, err)
		}
		if err := r.take(fetches); errors.Is(err, errEnough) {
			return p.spans, nil
		} else if err != nil {
			return p.spans, err
		}
	}
	return p.spans, nil
}

// poll waits for records: as long as it takes where somebody follows, else only while brokers answer.
func poll(ctx context.Context, cl *kgo.Client, follow bool) (kgo.Fetches, error) {
	if !follow {
		limited, cancel := context.WithTimeout(ctx, lookTime)
		defer cancel()
		ctx = limited
	}
	fetches := cl.PollFetches(ctx)
	return fetches, fetches.Err()
}

func (b Broker) client(opts ...kgo.Opt) (*kgo.Client, error) {
	return kafka.NewClient(kafka.Config{Brokers: b.Addrs, ClientID: "orderctl"}, slog.New(slog.DiscardHandler), opts...)
}

func (b Broker) away(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, program.ErrUsage) {
		return err
	}
	return program.NotReachable(fmt.Errorf("no answer of Kafka at %s: %w; does it run, and is --kafka right?", strings.Join(b.Addrs, ","), err))
}

// reading is one in progress.
type reading struct {
	Query

	prefix string
	plan   *plan
	each   func(Record) error
	given  int
}

// take hands out a fetch, the oldest first among its partitions.
func (r *reading) take(fetches kgo.Fetches) error {
	records := fetches.Records()
	slices.SortStableFunc(records, func(a, b *kgo.Record) int { return a.Timestamp.Compare(b.Timestamp) })
	for _, record := range records {
		if wanted := r.wants(record); wanted {
			r.given++
			if err := r.each(decode(r.prefix, record)); err != nil {
				return err
			}
			if r.given == r.Limit {
				return errEnough
			}
		}
		r.plan.passed(record)
	}
	return nil
}

func (r *reading) wants(record *kgo.Record) bool {
	if record.Attrs.IsControl() || !r.Follow && record.Offset >= r.plan.end(record) {
		return false
	}
	if r.Order != uuid.Nil && string(record.Key) != r.Order.String() {
		return false
	}
	if r.Type == "" {
		return true
	}
	for _, h := range record.Headers {
		if h.Key == "ce_type" {
			name, _, _ := strings.Cut(string(h.Value), ".")
			return string(h.Value) == r.Type || name == r.Type
		}
	}
	return false
}

// plan is where to read from and to.
type plan struct {
	begin map[string]map[int32]kgo.Offset // topics with prefix
	spans map[string]map[int32]Span       // topics without
	open  map[string]map[int32]bool       // what is not yet read to its end
	strip int                             // length of the prefix
}

func (p *plan) end(r *kgo.Record) int64 { return p.spans[r.Topic[p.strip:]][r.Partition].Next }

// passed notes how far a partition was read.
func (p *plan) passed(r *kgo.Record) {
	topic := r.Topic[p.strip:]
	if p.open[topic][r.Partition] && r.Offset+1 >= p.end(r) {
		if delete(p.open[topic], r.Partition); len(p.open[topic]) == 0 {
			delete(p.open, topic)
		}
	}
}

func (b Broker) plan(ctx context.Context, look *kadm.Client, q Query) (*plan, error) {
	names := make([]string, len(q.Topics))
	for i, topic := range q.Topics {
		names[i] = b.Prefix + topic
	}
	if err := b.known(ctx, look, names); err != nil {
		return nil, err
	}
	first, err := look.ListStartOffsets(ctx, names...)
	if err == nil {
		err = first.Error()
	}
	if err != nil {
		return nil, err
	}
	next, err := look.ListEndOffsets(ctx, names...)
	if err == nil {
		err = next.Error()
	}
	if err != nil {
		return nil, err
	}
	from := first
	switch {
	case q.From.End:
		from = next
	case !q.From.Time.IsZero():
		if from, err = look.ListOffsetsAfterMilli(ctx, q.From.Time.UnixMilli(), names...); err == nil {
			err = from.Error()
		}
		if err != nil {
			return nil, err
		}
	}
	return b.lay(q, first, next, from), nil
}

func (b Broker) lay(q Query, first, next, from kadm.ListedOffsets) *plan {
	p := &plan{
		begin: map[string]map[int32]kgo.Offset{}, spans: map[string]map[int32]Span{}, open: map[string]map[int32]bool{}, strip: len(b.Prefix),
	}
	next.Each(func(end kadm.ListedOffset) {
		topic := end.Topic[p.strip:]
		if q.Order != uuid.Nil && slices.Contains(contracts.Topics(), topic) && end.Partition != PartitionOf(q.Order) {
			return
		}
		start, _ := first.Lookup(end.Topic, end.Partition)
		at, _ := from.Lookup(end.Topic, end.Partition)
		begin := max(start.Offset, at.Offset, q.From.Offset)
		put(p.spans, topic, end.Partition, Span{start.Offset, end.Offset})
		if begin < end.Offset {
			put(p.open, topic, end.Partition, true)
		}
		if q.Follow || begin < end.Offset {
			put(p.begin, end.Topic, end.Partition, kgo.NewOffset().At(min(begin, end.Offset)))
		}
	})
	return p
}

// PartitionOf is the order's partition on every contract topic.
func PartitionOf(order uuid.UUID) int32 {
	return kafka.Partition([]byte(order.String()), contracts.Partitions)
}

func put[V any](m map[string]map[int32]V, topic string, partition int32, v V) {
	if m[topic] == nil {
		m[topic] = map[int32]V{}
	}
	m[topic][partition] = v
}

// known returns an error that names the topics that there are, where one of the wanted is not.
func (b Broker) known(ctx context.Context, look *kadm.Client, names []string) error {
	listed, err := look.ListTopics(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !listed.Has(name) {
			return program.Usage(fmt.Errorf("there is no topic %s; there are: %s", name, strings.Join(listed.Names(), ", ")))
		}
	}
	return nil
}
