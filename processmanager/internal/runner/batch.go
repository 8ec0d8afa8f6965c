package runner

import (
	"bytes"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/telemetry"
	"ordersaga.internal/processmanager/internal/store"
	"ordersaga.internal/processmanager/saga"
)

// Batch is all that one transaction touches.
type Batch struct {
	slots    map[uuid.UUID]*slot
	entries  []*store.Entry
	recorded map[store.EntryKey]int       // where in entries
	granted  map[store.EntryKey]saga.Note // wishes that were in the history before
	outcomes map[outcomeKey]int           // how often
}

// slot is one instance of a batch.
type slot struct {
	rec    *store.Record
	fresh  bool // not in the database yet
	moved  bool
	before saga.State // when the batch began; "" where fresh
}

type outcomeKey struct {
	step    string
	outcome saga.Outcome
}

func newBatch(records []*store.Record, inputs int) *Batch {
	b := &Batch{
		slots: make(map[uuid.UUID]*slot, inputs), entries: make([]*store.Entry, 0, inputs),
		recorded: make(map[store.EntryKey]int, inputs), outcomes: make(map[outcomeKey]int, 16),
	}
	for _, r := range records {
		b.slots[r.ID] = &slot{rec: r, before: r.State}
	}
	return b
}

// move gives the slot its next instance.
func (b *Batch) move(s *slot, next saga.Instance[any], now time.Time) {
	s.rec.Instance = next
	s.rec.Transitions++
	s.rec.UpdatedAt = now
	if next.State.Final() && s.rec.FinishedAt.IsZero() {
		s.rec.FinishedAt = now
	}
	s.moved = true
}

// count notes which steps have a new outcome.
func (b *Batch) count(before, after []saga.Progress) {
	for i := range after {
		if i >= len(before) || before[i].Outcome != after[i].Outcome {
			b.outcomes[outcomeKey{after[i].Step, after[i].Outcome}]++
		}
	}
}

// note adds a line to the history. A deadline or wish without effect leaves none, but for a wish that was denied.
func (b *Batch) note(rec *store.Record, in *messaging.Message, input saga.Input, note saga.Note, out []saga.Outgoing, now time.Time) {
	moved := note.Effect == saga.Applied || note.Effect == saga.Jammed
	if in.Topic == "" && !moved && note.Effect != saga.Denied {
		return
	}
	e := &store.Entry{
		OrderID: rec.ID, InputID: input.ID, Transition: rec.Transitions, At: now, Topic: in.Topic, Offset: in.Offset,
		Input: wireType(in, input.Body), Note: note, TraceID: traceID(in.Traceparent, rec.Traceparent),
	}
	for _, c := range out {
		e.Commands = append(e.Commands, store.Sent{Type: c.Body.WireType(), Attempt: c.Attempt})
	}
	if wish, ok := in.Body.(*Wish); ok {
		e.Operator, e.Reason = wish.Operator, wish.Reason
	}
	key := store.EntryKey{OrderID: rec.ID, InputID: input.ID}
	switch k, twice := b.recorded[key]; {
	case !twice:
		b.recorded[key] = len(b.entries)
		b.entries = append(b.entries, e)
	case moved: // only now it has an effect
		b.entries[k] = e
	}
}

// wireType is what the log calls the input: the body of an old version is the newest's.
func wireType(in *messaging.Message, body saga.Message) string {
	if in.Type != "" {
		return in.Type
	}
	return body.WireType()
}

// before returns what an input did that is in the history already, or will be with this batch.
func (b *Batch) before(order, input uuid.UUID) (saga.Note, bool) {
	key := store.EntryKey{OrderID: order, InputID: input}
	if k, ok := b.recorded[key]; ok {
		return b.entries[k].Note, true
	}
	note, ok := b.granted[key]
	return note, ok
}

// dirty returns the instances to insert and to update, each in the order of ids.
func (b *Batch) dirty() (fresh, changed []*store.Record) {
	for _, s := range b.slots {
		switch {
		case s.fresh:
			fresh = append(fresh, s.rec)
		case s.moved:
			changed = append(changed, s.rec)
		}
	}
	byID := func(x, y *store.Record) int { return bytes.Compare(x.ID[:], y.ID[:]) }
	slices.SortFunc(fresh, byID)
	slices.SortFunc(changed, byID)
	return fresh, changed
}

// traceID is that of the first header which has one.
func traceID(traceparents ...string) string {
	for _, t := range traceparents {
		if id := telemetry.TraceID(t); id != "" {
			return id
		}
	}
	return ""
}

func less(a, b uuid.UUID) bool { return bytes.Compare(a[:], b[:]) < 0 }

func itoa(n int) string { return strconv.Itoa(n) }
