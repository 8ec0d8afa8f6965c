package messaging

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Operation is what a participant can do and undo for a subject: one pair of commands.
type Operation struct {
	Name string // "stock", "authorization"; unique within the service
	// Superseded makes the refusal of a command whose undo was accepted first. It may be nil where there is no undo.
	Superseded func(subject uuid.UUID) any
}

// ErrForeignCommand is returned by Fence for a command whose (subject, operation) was accepted under another command id.
var ErrForeignCommand = errors.New("operation belongs to another command")

// FenceConfig of a Fence. Codec and Source are required.
type FenceConfig struct {
	Codec  Codec
	Source string           // "/services/payment"
	Now    func() time.Time // asked once, by LoadFence; the time of every answer of the batch. Default time.Now.
}

// Fence is a participant's memory of what it did, or refused, for each (subject, operation), for ever: it makes repeats
// harmless, tolerates a compensation before its command, and numbers what the service emits. It is part of a Handler's S:
// pure between LoadFence and Save.
//
// The rules are those of DESIGN, section 3, rules 3 and 4:
//   - an attempt not above the highest seen sends nothing;
//   - a higher one sends the recorded answer again, same id, sequence and time; if the outcome is open, nothing until it is
//     known;
//   - a recorded failure is no outcome: a higher attempt does the work again;
//   - an undo before its do leaves a tombstone; a do after its undo was accepted is refused as superseded.
//
// What a method returns is complete: the machine adds nothing. Where a method returns an error, the fence is as before.
type Fence struct {
	codec  Codec
	source string
	now    time.Time
	books  map[uuid.UUID]*book
}

// NewFence returns a fence that remembers nothing, in memory only. now is the time of its answers.
func NewFence(c FenceConfig, now time.Time) *Fence {
	return &Fence{codec: c.Codec, source: c.Source, now: now.UTC().Truncate(time.Microsecond), books: map[uuid.UUID]*book{}}
}

// Do handles a forward command. work is called at most once for (subject, operation): it returns the answer's body, or
// nil where the outcome is open and comes by Answer.
func (f *Fence) Do(in Message, op Operation, work func() (any, error)) ([]Message, error) {
	b := f.book(in.Subject)
	e, again, err := b.repeat(&in, op, false)
	switch {
	case err != nil || e != nil && !again:
		return nil, err
	case e == nil && b.find(op.Name, true) == nil:
		return f.begin(b, &in, op, false, work)
	case e == nil:
		return f.supersede(b, &in, op, func() *entry { return b.add(&in, op.Name, false, stateSuperseded) })
	case e.state == stateClosed && e.sequence == 0:
		return f.supersede(b, &in, op, func() *entry { e.command(&in); return e })
	}
	e.seen(in.Attempt)
	if e.state == stateOpen {
		return nil, nil
	}
	return []Message{e.answer(f.source, in.Subject)}, nil
}

// Undo handles a compensation. work must cope with nothing having been done. It returns the answer's body, or nil where
// the outcome is open and comes by Answer or Fail. From here on its do, where it is open, is closed.
func (f *Fence) Undo(in Message, op Operation, work func() (any, error)) ([]Message, error) {
	b := f.book(in.Subject)
	e, again, err := b.repeat(&in, op, true)
	switch {
	case err != nil || e != nil && !again:
		return nil, err
	case e == nil || e.state == stateFailed:
		return f.begin(b, &in, op, true, work)
	}
	e.seen(in.Attempt)
	if e.state == stateOpen {
		return nil, nil
	}
	return []Message{e.answer(f.source, in.Subject)}, nil
}

// Answer records and returns the outcome of an open do (undo false) or undo. Nothing is returned where it was not open. A
// do whose undo was accepted meanwhile is closed without a message.
func (f *Fence) Answer(subject uuid.UUID, op Operation, undo bool, body any) ([]Message, error) {
	return f.settle(subject, op, undo, stateAnswered, body)
}

// Fail records and returns a …Failed of an open undo: a new message each time; a higher attempt opens it again.
func (f *Fence) Fail(subject uuid.UUID, op Operation, body any) ([]Message, error) {
	return f.settle(subject, op, true, stateFailed, body)
}

// Emit numbers and returns an event that answers no command. cause is the id of what led to it, or uuid.Nil.
func (f *Fence) Emit(subject, cause uuid.UUID, body any) Message {
	b := f.book(subject)
	e := b.find(eventsOperation, false)
	if e == nil {
		e = b.add(&Message{}, eventsOperation, false, stateCounter)
	}
	b.highest++
	e.sequence, e.dirty = b.highest, true
	return Message{Source: f.source, Subject: subject, Sequence: e.sequence, CausationID: cause, Time: f.now, Body: body}
}

// Done tells whether the do of the operation was accepted: open, answered, or closed by its undo; not where it came
// after its undo.
func (f *Fence) Done(subject uuid.UUID, op Operation) bool {
	e := f.book(subject).find(op.Name, false)
	return e != nil && e.state != stateSuperseded
}

// Undone tells whether the undo of the operation was accepted, finished or not.
func (f *Fence) Undone(subject uuid.UUID, op Operation) bool {
	return f.book(subject).find(op.Name, true) != nil
}

// Clone returns a fence that shares nothing with f that either may change.
func (f *Fence) Clone() *Fence {
	c := *f
	c.books = make(map[uuid.UUID]*book, len(f.books))
	for subject, b := range f.books {
		c.books[subject] = b.clone()
	}
	return &c
}

// AppendKey appends what the fence remembers of a subject but for times and traces: equal keys mean that every command and
// answer has the same effect on both.
func (f *Fence) AppendKey(b []byte, subject uuid.UUID) []byte {
	if known := f.books[subject]; known != nil {
		return known.appendKey(b)
	}
	return b
}

// begin does the work of a command that is new, or failed before. work may call Emit: on an error that is taken back.
func (f *Fence) begin(b *book, in *Message, op Operation, undo bool, work func() (any, error)) ([]Message, error) {
	before := b.clone()
	out, err := func() ([]Message, error) {
		body, err := work()
		if err != nil {
			return nil, err
		}
		e := b.find(op.Name, undo)
		if e == nil {
			e = b.add(in, op.Name, undo, stateOpen)
		}
		e.command(in)
		e.state = stateOpen
		if do := b.find(op.Name, false); undo && do != nil && do.state == stateOpen {
			do.state, do.dirty = stateClosed, true
		}
		if body == nil {
			return nil, nil
		}
		return f.record(b, b.find(op.Name, undo), in.Subject, stateAnswered, body)
	}()
	if err != nil {
		*b = *before
	}
	return out, err
}

// supersede refuses a do whose undo was accepted: the entry, which is made or reused, answers nothing else for ever.
func (f *Fence) supersede(b *book, in *Message, op Operation, make func() *entry) ([]Message, error) {
	if op.Superseded == nil {
		return nil, fmt.Errorf("%s of %s: its undo was accepted, but it has no refusal", op.Name, in.Subject)
	}
	before := b.clone()
	e := make()
	out, err := f.record(b, e, in.Subject, e.state, op.Superseded(in.Subject))
	if err != nil {
		*b = *before
	}
	return out, err
}

func (f *Fence) settle(subject uuid.UUID, op Operation, undo bool, state fenceState, body any) ([]Message, error) {
	b := f.book(subject)
	e := b.find(op.Name, undo)
	if e == nil || e.state != stateOpen {
		return nil, nil
	}
	return f.record(b, e, subject, state, body)
}

// record gives the entry its answer and returns it. On an error nothing changed.
func (f *Fence) record(b *book, e *entry, subject uuid.UUID, state fenceState, body any) ([]Message, error) {
	m := Message{Body: body}
	if err := encode(f.codec, &m); err != nil {
		return nil, err
	}
	b.highest++
	e.state, e.sequence, e.time, e.dirty = state, b.highest, f.now, true
	e.kind, e.topic, e.data = m.Type, m.Topic, m.Data
	out := e.answer(f.source, subject)
	out.Body = body
	return []Message{out}, nil
}

func (f *Fence) book(subject uuid.UUID) *book {
	b := f.books[subject]
	if b == nil {
		b = &book{}
		f.books[subject] = b
	}
	return b
}
