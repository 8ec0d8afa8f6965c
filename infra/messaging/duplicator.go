//go:build duplicator

package messaging

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
)

// around puts the duplicator between the machine and its handler (docs/decisions/duplicator.md): every input that was
// decided is decided again, in the same transaction and in a later one; topics are delayed against each other; loads and
// saves fail. DUPLICATOR_SEED draws all of it. A handler must not notice, nor whoever reads what it sends.
func around[S any](m *Machine[S]) error {
	seed, err := strconv.ParseUint(cmp.Or(os.Getenv("DUPLICATOR_SEED"), "1"), 10, 64)
	if err != nil {
		return fmt.Errorf("DUPLICATOR_SEED: %w", err)
	}
	counts, err := newRepeats(m.deps.Metrics)
	if err != nil {
		return err
	}
	d := &duplicator[S]{
		inner: m.handler, m: m, chance: newChance(seed), counts: counts,
		batches: map[any]*doubled{}, memory: map[shelf][]Message{},
	}
	m.handler = d
	if m.timed != nil {
		m.timed = &timedDuplicator[S]{Timed: m.timed, d: d, fired: map[int32][]Message{}}
	}
	kafka := m.deps.Kafka
	m.deps.Kafka = func(opts ...kgo.Opt) (*kgo.Client, error) {
		client, err := kafka(opts...)
		if err == nil && client.OptValue(kgo.ConsumerGroup) != "" {
			go delay(client, d.chance, counts)
		}
		return client, err
	}
	m.deps.Log.Warn("built with the duplicator: every input comes twice", "seed", seed)
	return nil
}

const (
	remembered = 256 // inputs a shelf, for later transactions
	recalled   = 4   // most of them in one transaction
)

// shelf is where inputs wait for a later transaction that may take them: records go to whoever owns their partition,
// submitted inputs to anybody.
type shelf struct {
	submitted bool
	partition int32
}

func shelfOf(m *Message) shelf {
	if m.Topic == "" {
		return shelf{submitted: true}
	}
	return shelf{partition: m.Partition}
}

// duplicator is a Handler around another one.
type duplicator[S any] struct {
	inner  Handler[S]
	m      *Machine[S]
	chance *chance
	counts *repeats

	deadlines sync.Map // names of what Due returned

	mu      sync.Mutex
	batches map[any]*doubled    // by nameOfBatch, from Load to Committed; that of a transaction that failed is never asked for again
	memory  map[shelf][]Message // decided and committed
}

// doubled is one transaction.
type doubled struct {
	left    int       // inputs to come
	waiting []pending // repeats to decide
	fresh   []Message // what was decided for the first time
	noted   []repeat
}

// nameOfBatch tells an S from others: mostly a pointer, which is its own name; a map is named by its address.
func nameOfBatch(s any) any {
	if v := reflect.ValueOf(s); v.Kind() == reflect.Map {
		return v.Pointer()
	}
	return s
}

// pending is a repeat, and in which transaction it is one.
type pending struct {
	Message
	when string
}

func (d *duplicator[S]) Load(ctx context.Context, tx pgx.Tx, in []Message) (s S, err error) {
	if err := d.chance.fail("load", d.counts); err != nil {
		return s, err
	}
	b, late := &doubled{left: len(in)}, d.recall(in)
	for _, m := range late {
		b.waiting = append(b.waiting, pending{m, laterBatch})
	}
	all := slices.Concat(in, copies(late), copies(in))
	if s, err = d.inner.Load(ctx, tx, all); err != nil {
		return s, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.batches[nameOfBatch(s)] = b
	return s, nil
}

// recall takes inputs of earlier transactions that may come again in this one.
func (d *duplicator[S]) recall(in []Message) (late []Message) {
	d.mu.Lock()
	defer d.mu.Unlock()
	seen := map[shelf]bool{}
	for i := range in {
		at := shelfOf(&in[i])
		if seen[at] {
			continue
		}
		seen[at] = true
		for n := 0; n < recalled && len(d.memory[at]) > 0 && (n == 0 || d.chance.of(2)); n++ {
			k := d.chance.below(len(d.memory[at]))
			late = append(late, d.memory[at][k])
			d.memory[at] = slices.Delete(d.memory[at], k, k+1)
		}
	}
	return late
}

func (d *duplicator[S]) Decide(s S, in Message, now time.Time) ([]Message, error) {
	d.mu.Lock()
	b := d.batches[nameOfBatch(s)]
	d.mu.Unlock()
	again, later := copied(in), copied(in) // before a result is written into it
	out, err := d.inner.Decide(s, in, now)
	b.left--
	if err != nil {
		return nil, err // a dead letter, or told to who asked: it comes once
	}
	b.waiting = append(b.waiting, pending{again, sameBatch})
	b.fresh = append(b.fresh, later)
	for len(b.waiting) > 0 && (b.left == 0 || d.chance.of(2)) {
		k := d.chance.below(len(b.waiting))
		next := b.waiting[k]
		b.waiting = slices.Delete(b.waiting, k, k+1)
		b.noted = append(b.noted, d.repeatOf(&next.Message, next.when))
		out = append(out, d.again(s, b, &next.Message, now)...)
	}
	return out, nil
}

// again decides a repeat. What it sends is completed here, because the machine would take it for an effect of another input.
func (d *duplicator[S]) again(s S, b *doubled, m *Message, now time.Time) []Message {
	out, err := d.inner.Decide(s, *m, now)
	if err != nil {
		b.noted = append(b.noted, d.repeatOf(m, refusedAgain))
		d.m.deps.Log.Warn("a repeat was refused", "input", nameOfInput(m), "subject", m.Subject, "error", err)
		return nil
	}
	for i := range out {
		if err := fill(d.m.deps.Codec, d.m.source, m, &out[i], now); err != nil {
			panic(err)
		}
		out[i].sealed = true
		b.noted = append(b.noted, d.repeatOf(m, sentAgain))
		d.m.deps.Log.Warn("a repeat sent something", "input", nameOfInput(m), "subject", m.Subject, "type", out[i].Type)
	}
	return out
}

func (d *duplicator[S]) Save(ctx context.Context, tx pgx.Tx, s S) error {
	if err := d.inner.Save(ctx, tx, s); err != nil {
		return err
	}
	return d.chance.fail("save", d.counts)
}

func (d *duplicator[S]) Committed(s S) {
	d.inner.Committed(s)
	d.mu.Lock()
	defer d.mu.Unlock()
	name := nameOfBatch(s)
	b := d.batches[name]
	delete(d.batches, name)
	for _, m := range b.fresh {
		if _, is := d.deadlines.Load(nameOfInput(&m)); is { // it comes again by Due
			continue
		}
		at := shelfOf(&m)
		d.memory[at] = append(d.memory[at], m)
		if n := len(d.memory[at]); n > remembered {
			d.memory[at] = slices.Delete(d.memory[at], 0, n-remembered)
		}
	}
	d.counts.add(b.noted)
}

// timedDuplicator fires every deadline again in the next transaction of its partition.
type timedDuplicator[S any] struct {
	Timed
	d *duplicator[S]

	mu    sync.Mutex
	fired map[int32][]Message
}

func (t *timedDuplicator[S]) Due(ctx context.Context, tx pgx.Tx, until map[int32]time.Time, limit int) ([]Message, error) {
	out, err := t.Timed.Due(ctx, tx, until, limit)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var again []Message
	for p := range until {
		again = append(again, t.fired[p]...)
		delete(t.fired, p)
	}
	for i := range out {
		t.d.deadlines.Store(nameOfInput(&out[i]), true)
		t.fired[out[i].Partition] = append(t.fired[out[i].Partition], copied(out[i]))
	}
	for i := range again {
		t.d.counts.add([]repeat{t.d.repeatOf(&again[i], laterBatch)})
	}
	return append(out, again...), nil
}

// repeatOf says what an input is.
func (d *duplicator[S]) repeatOf(m *Message, what string) repeat {
	r := repeat{kind: "submitted", input: nameOfInput(m), what: what}
	_, deadline := d.deadlines.Load(r.input)
	switch {
	case strings.HasSuffix(m.Topic, "commands"):
		r.kind = "command"
	case m.Topic != "":
		r.kind = "event"
	case deadline:
		r.kind = "deadline"
	}
	return r
}
