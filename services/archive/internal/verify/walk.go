package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/services/archive/internal/chain"
	"ordersaga.internal/services/archive/internal/store"
)

// walk goes over one stream, in the order of its offsets, and beside it over the log. It ends at the first difference.
type walk struct {
	deps   Deps
	prefix string
	s      *store.Stream
	after  int64 // begin at the checkpoint there; 0: where the stream begins
	limit  int   // of records, to end at the checkpoint behind; 0: none
	ended  int64 // where the limit ended it; 0: it did not

	from, to int64 // what is compared with Kafka: from ≤ offset < to
	tail     *tail // nil: nothing is
	link     chain.Chain
	rest     []store.Interval // the first of them is the one at hand
	count    int              // of its records

	records, compared, retired, beyond int64
	found                              *Difference
}

// errFound ends a walk; found says why.
var errFound = errors.New("a difference")

// bound decides what can be compared. later are the streams after this one: a log that was cut off holds other records
// behind that place.
func (w *walk) bound(logs map[store.Place]log, later []*store.Stream) {
	l, ok := logs[w.s.Place]
	if !ok || l.topicID != w.s.TopicID {
		return
	}
	w.from, w.to = max(l.start, w.s.Begins), min(l.end, w.s.Next)
	newest := true
	for _, s := range later {
		if s.Place == w.s.Place {
			newest = false
			if s.TopicID == w.s.TopicID {
				w.to = min(w.to, s.Begins)
			}
		}
	}
	if newest {
		w.beyond = max(0, w.s.Next-l.end)
	}
}

func (w *walk) run(ctx context.Context) error {
	intervals, err := store.Intervals(ctx, w.deps.Pool, w.s)
	if err != nil {
		return err
	}
	intervals = w.part(intervals)
	if w.from < w.to {
		if w.tail, err = openTail(w.deps, w.prefix+w.s.Topic, w.s.Partition, w.from, w.to); err != nil {
			return err
		}
		defer w.tail.close()
	}
	for len(intervals) > 0 && err == nil {
		n := 0 // of one kind
		for n < len(intervals) && intervals[n].Retired == intervals[0].Retired {
			n++
		}
		if intervals[0].Retired {
			err = w.skip(ctx, intervals[:n])
		} else {
			err = w.prove(ctx, intervals[:n])
		}
		intervals = intervals[n:]
	}
	if err == nil {
		err = w.missing(ctx, w.to)
	}
	if errors.Is(err, errFound) {
		return nil
	}
	return err
}

// part chooses the intervals that this walk is about, and begins the chain before the first of them.
func (w *walk) part(intervals []store.Interval) []store.Interval {
	w.link.Link = chain.Begin(w.s.Topic, w.s.Partition, w.s.TopicID, w.s.Begins)
	for len(intervals) > 0 && intervals[0].Next <= w.after {
		w.link.Link = intervals[0].Chain
		w.from = max(w.from, intervals[0].Next)
		intervals = intervals[1:]
	}
	records := 0
	for i := range intervals {
		if records += intervals[i].Records; w.limit > 0 && records >= w.limit && i+1 < len(intervals) {
			w.ended = intervals[i].Next
			w.to = min(w.to, w.ended)
			return intervals[:i+1]
		}
	}
	return intervals
}

// skip passes what was given up, in both.
func (w *walk) skip(ctx context.Context, intervals []store.Interval) error {
	for i := range intervals {
		w.retired += int64(intervals[i].Records)
	}
	last := &intervals[len(intervals)-1]
	w.link.Link = last.Chain
	for w.tail != nil {
		r, err := w.tail.peek(ctx)
		if err != nil || r == nil || r.Offset >= last.Next {
			return err
		}
		w.tail.take()
	}
	return nil
}

// prove recomputes the chain over consecutive intervals.
func (w *walk) prove(ctx context.Context, intervals []store.Interval) error {
	w.rest, w.count = intervals, 0
	err := store.Rows(ctx, w.deps.Pool, w.s.ID, intervals[0].From, intervals[len(intervals)-1].Next, func(r *store.Row) error {
		for r.Offset >= w.rest[0].Next {
			if err := w.close(ctx); err != nil {
				return err
			}
		}
		if err := w.compare(ctx, r); err != nil {
			return err
		}
		if what := mislabelled(r); what != "" {
			return w.differs(r.Offset, r.Offset+1, what)
		}
		w.link.Add(&r.Record)
		w.count++
		w.records++
		return nil
	})
	for err == nil && len(w.rest) > 0 {
		err = w.close(ctx)
	}
	return err
}

// close holds the interval at hand against its checkpoint; but what Kafka holds says more than a hash.
func (w *walk) close(ctx context.Context) error {
	i := &w.rest[0]
	if err := w.missing(ctx, min(w.to, i.Next)); err != nil {
		return err
	}
	switch {
	case w.count != i.Records:
		return w.differs(i.From, i.Next, fmt.Sprintf("%d records, and %d were archived", w.count, i.Records))
	case w.link.Link != i.Chain:
		return w.differs(i.From, i.Next, "the hash chain is broken: a record here is not what was archived")
	}
	w.rest, w.count = w.rest[1:], 0
	return nil
}

// compare holds a record against Kafka's, where Kafka has one.
func (w *walk) compare(ctx context.Context, r *store.Row) error {
	if r.Offset < w.from || r.Offset >= w.to {
		return nil
	}
	if err := w.missing(ctx, r.Offset); err != nil {
		return err
	}
	k, err := w.tail.peek(ctx)
	if err != nil {
		return err
	}
	if k == nil || k.Offset > r.Offset {
		return w.differs(r.Offset, r.Offset+1, "archived, and not in Kafka")
	}
	w.tail.take()
	w.compared++
	if what := unequal(r, k); what != "" {
		return w.differs(r.Offset, r.Offset+1, "another "+what+" than in Kafka")
	}
	return nil
}

// missing finds a record of Kafka's below an offset that the archive did not have.
func (w *walk) missing(ctx context.Context, below int64) error {
	if w.tail == nil {
		return nil
	}
	k, err := w.tail.peek(ctx)
	if err != nil || k == nil || k.Offset >= below {
		return err
	}
	return w.differs(k.Offset, k.Offset+1, "in Kafka, and not archived")
}

func (w *walk) differs(offset, next int64, what string) error {
	w.found = &Difference{Topic: w.s.Topic, Partition: w.s.Partition, Offset: offset, Next: next, What: what}
	return errFound
}

// unequal names the first part that is not the same, "" where all are.
func unequal(r *store.Row, k *kgo.Record) string {
	same := func(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }
	switch {
	case !r.AppendedAt.Equal(k.Timestamp):
		return "timestamp"
	case !same(r.Key, k.Key):
		return "key"
	case !same(r.Value, k.Value):
		return "value"
	case !bytes.Equal(r.Headers, chain.AppendHeaders(nil, k.Headers)):
		return "header"
	}
	return ""
}

// mislabelled checks the one column that no hash covers, because it is derived.
func mislabelled(r *store.Row) string {
	headers, err := chain.Headers(r.Headers)
	if err != nil {
		return err.Error()
	}
	want := store.TypeOf(headers)
	if (want == nil) != (r.Type == nil) || want != nil && *want != *r.Type {
		return "its type is not that of its headers"
	}
	return ""
}
