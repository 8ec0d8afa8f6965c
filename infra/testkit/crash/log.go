package crash

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/testkit"
)

// Log is a reader of all topics of a world from their beginning, like any other team's: it holds the programs to the
// promise made to every reader (DESIGN, section 4).
type Log struct {
	client *kgo.Client
	prefix string
	topics []string // with the prefix

	mu    sync.Mutex
	byKey map[string][]*kgo.Record
	next  map[string]map[int32]int64
}

// NewLog reads topics, named without the prefix, until the test ends.
func NewLog(t testing.TB, b testkit.Broker, topics ...string) *Log {
	t.Helper()
	l := &Log{prefix: b.Prefix, byKey: map[string][]*kgo.Record{}, next: map[string]map[int32]int64{}}
	for _, topic := range topics {
		l.topics = append(l.topics, b.Prefix+topic)
	}
	var err error
	l.client, err = kafka.NewClient(b.Config(), slog.New(slog.DiscardHandler),
		kgo.ConsumeTopics(l.topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var reading sync.WaitGroup
	reading.Go(func() {
		for ctx.Err() == nil {
			l.take(l.client.PollFetches(ctx))
		}
	})
	t.Cleanup(func() { cancel(); reading.Wait(); l.client.Close() })
	return l
}

func (l *Log) take(fetches kgo.Fetches) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fetches.EachRecord(func(r *kgo.Record) {
		l.byKey[string(r.Key)] = append(l.byKey[string(r.Key)], r)
		if l.next[r.Topic] == nil {
			l.next[r.Topic] = map[int32]int64{}
		}
		l.next[r.Topic][r.Partition] = r.Offset + 1
	})
}

// Has tells whether a message of the type was read for the key.
func (l *Log) Has(key, wireType string) bool { return l.Count(key, wireType) > 0 }

// Count returns how many different messages of the type were read for the key.
func (l *Log) Count(key, wireType string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids := map[string]struct{}{}
	for _, r := range l.byKey[key] {
		if header(r, "ce_type") == wireType {
			ids[header(r, "ce_id")] = struct{}{}
		}
	}
	return len(ids)
}

// ends returns the ends of the topics after having read up to them.
func (l *Log) ends(ctx context.Context) (map[place]int64, error) {
	listed, err := kadm.NewClient(l.client).ListEndOffsets(ctx, l.topics...)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("ends of the log: %w", err)
	}
	for !l.reached(listed) {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("read to the ends of the log: %w", ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
	ends := map[place]int64{}
	listed.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			ends[place{strings.TrimPrefix(o.Topic, l.prefix), o.Partition}] = o.Offset
		}
	})
	return ends, nil
}

func (l *Log) reached(listed kadm.ListedOffsets) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	behind := false
	listed.Each(func(o kadm.ListedOffset) { behind = behind || l.next[o.Topic][o.Partition] < o.Offset })
	return !behind
}

// Told returns the different messages of the keys, a line each, source by source in the order of their first appearance;
// or how the promise was broken. Keys and ids are spelled so that the same story reads the same each time: a key as its
// place among keys, a cause as the type of its message. A command that was sent again is one message.
func (l *Log) Told(keys ...string) ([]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	names := map[string]string{}
	for n, key := range keys {
		names[key] = string(rune('A' + n))
		for _, r := range l.byKey[key] {
			names[header(r, "ce_id")] = header(r, "ce_type")
		}
	}
	var lines []string
	for _, key := range keys {
		told, err := l.tell(key, names)
		if err != nil {
			return nil, err
		}
		lines = append(lines, told...)
	}
	return lines, nil
}

// tell checks what was read under one key.
func (l *Log) tell(key string, names map[string]string) ([]string, error) {
	sendings, first := map[string]*kgo.Record{}, map[string][]*kgo.Record{}
	for _, r := range l.byKey[key] {
		source := header(r, "ce_source")
		sending := source + " " + header(r, "ce_id") + " " + header(r, "ce_attempt")
		switch before := sendings[sending]; {
		case before == nil:
			sendings[sending] = r
			first[source] = append(first[source], r)
		case !same(before, r):
			return nil, fmt.Errorf("%s of %s was repeated, but not byte for byte:\n%v\n%v", header(r, "ce_type"), key, before, r)
		}
	}
	var lines []string
	for _, source := range slices.Sorted(maps.Keys(first)) {
		records, err := inSequence(first[source])
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", key, source, err)
		}
		seen := map[string]bool{}
		for _, r := range records {
			if id := header(r, "ce_id"); !seen[id] {
				seen[id] = true
				lines = append(lines, fmt.Sprintf("%s %s: %s %s %s <- %s", names[key], source, strings.TrimPrefix(r.Topic, l.prefix),
					header(r, "ce_type"), rename(string(r.Value), names), names[header(r, "ce_causationid")]))
			}
		}
	}
	return lines, nil
}

// inSequence returns first appearances by ce_sequence, which has no gap and is the order of their appearance: within a topic
// that of the log, between topics that of the broker's clock.
func inSequence(records []*kgo.Record) ([]*kgo.Record, error) {
	out := make([]*kgo.Record, len(records))
	highest := map[string]int{} // of each topic
	for _, r := range records {
		n, err := strconv.Atoi(header(r, "ce_sequence"))
		if err != nil || n < 1 || n > len(out) || out[n-1] != nil {
			return nil, fmt.Errorf("%s has sequence %d among %d messages", header(r, "ce_type"), n, len(records))
		}
		if n < highest[r.Topic] {
			return nil, fmt.Errorf("%s appeared first with sequence %d after %d", header(r, "ce_type"), n, highest[r.Topic])
		}
		out[n-1], highest[r.Topic] = r, n
	}
	for n := 1; n < len(out); n++ {
		if out[n].Timestamp.Before(out[n-1].Timestamp) {
			return nil, fmt.Errorf("%s, sequence %d, appeared before sequence %d", header(out[n], "ce_type"), n+1, n)
		}
	}
	return out, nil
}

// rename spells the UUIDs in a text by their names.
func rename(text string, names map[string]string) string {
	return uuids.ReplaceAllStringFunc(text, func(id string) string {
		if name, known := names[id]; known {
			return name
		}
		return "ID"
	})
}

func header(r *kgo.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

func same(a, b *kgo.Record) bool {
	return a.Topic == b.Topic && a.Partition == b.Partition && bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value) &&
		slices.EqualFunc(a.Headers, b.Headers, func(x, y kgo.RecordHeader) bool { return x.Key == y.Key && bytes.Equal(x.Value, y.Value) })
}
