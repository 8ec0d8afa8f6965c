package messaging

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// eventsOperation is the entry that keeps the sequence of the events that answer no command.
const eventsOperation = "events"

// fenceState is what became of an operation's do or undo.
type fenceState string

const (
	stateOpen       fenceState = "open"       // accepted; the outcome is not known
	stateAnswered   fenceState = "answered"   // the outcome is recorded and was sent
	stateFailed     fenceState = "failed"     // an undo that failed: a higher attempt does the work again
	stateClosed     fenceState = "closed"     // an open do whose undo was accepted: only ever answered "superseded"
	stateSuperseded fenceState = "superseded" // a do that came after its undo: never accepted, answered so
	stateCounter    fenceState = "counter"    // no operation: eventsOperation
)

// book is what the fence knows of one subject. highest is the last sequence drawn; each one drawn is kept by its entry
// until the entry draws a higher one, so highest is the entries' maximum.
type book struct {
	entries []entry // few: an operation has two
	highest int64
}

// entry is one row: the do or the undo of an operation, with its last answer.
type entry struct {
	operation string
	undo      bool
	state     fenceState
	id        uuid.UUID // of the command
	attempt   int       // the highest seen
	parent    string    // trace context of the command that was worked on, and so of the answer
	tracestat string

	sequence int64 // of the answer, 0 while there is none
	time     time.Time
	kind     string
	topic    string
	data     []byte

	stored, dirty bool
}

func (b *book) clone() *book { return &book{entries: slices.Clone(b.entries), highest: b.highest} }

func (b *book) find(operation string, undo bool) *entry {
	for i := range b.entries {
		if e := &b.entries[i]; e.undo == undo && e.operation == operation {
			return e
		}
	}
	return nil
}

// add makes an entry for the command. Entries found before are no longer valid.
func (b *book) add(in *Message, operation string, undo bool, state fenceState) *entry {
	b.entries = append(b.entries, entry{operation: operation, undo: undo, state: state})
	e := &b.entries[len(b.entries)-1]
	e.command(in)
	return e
}

// repeat returns the command's entry, nil where there is none, and whether this attempt is above all seen before.
func (b *book) repeat(in *Message, op Operation, undo bool) (e *entry, again bool, err error) {
	if in.ID == uuid.Nil || in.Attempt < 1 || op.Name == "" || op.Name == eventsOperation {
		return nil, false, fmt.Errorf("fence %q: %q of %s is no command: it has no id or no attempt", op.Name, in.Type, in.Subject)
	}
	e = b.find(op.Name, undo)
	if e == nil {
		return nil, true, nil
	}
	if e.id != in.ID {
		return nil, false, fmt.Errorf("%w: %s of %s belongs to %s, not to %s", ErrForeignCommand, op.Name, in.Subject, e.id, in.ID)
	}
	return e, in.Attempt > e.attempt, nil
}

// command notes which command is being worked on.
func (e *entry) command(in *Message) {
	e.id, e.parent, e.tracestat = in.ID, in.Traceparent, in.Tracestate
	e.seen(in.Attempt)
}

func (e *entry) seen(attempt int) { e.attempt, e.dirty = attempt, true }

// answer is the recorded message, the same each time.
func (e *entry) answer(source string, subject uuid.UUID) Message {
	return Message{
		ID: AnswerID(subject, source, e.sequence), Source: source, Type: e.kind, Subject: subject, Time: e.time,
		Sequence: e.sequence, CausationID: e.id, Traceparent: e.parent, Tracestate: e.tracestat,
		Data: e.data, Topic: e.topic, sealed: true,
	}
}

// appendKey appends all that decides what an entry answers, and not when.
func (b *book) appendKey(to []byte) []byte {
	to = strconv.AppendInt(to, b.highest, 10)
	for i := range b.entries {
		e := &b.entries[i]
		to = append(to, '|')
		to = append(to, e.operation...)
		to = strconv.AppendBool(to, e.undo)
		to = append(to, e.state...)
		to = append(to, e.id[:]...)
		to = strconv.AppendInt(to, int64(e.attempt), 10)
		to = append(to, ',')
		to = strconv.AppendInt(to, e.sequence, 10)
		to = append(to, e.kind...)
		to = append(to, e.data...)
	}
	return to
}
