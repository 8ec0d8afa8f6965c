package store

import (
	"time"

	"github.com/google/uuid"

	"ordersaga.internal/processmanager/saga"
)

// Record is a saga instance with what is kept beside it.
type Record struct {
	saga.Instance[any]

	Partition   int32     // of the order, on every topic
	PlacedAt    time.Time // when the event that started it says that it happened
	StartedAt   time.Time
	CustomerID  string
	Traceparent string // of the event that started it
	Tracestate  string

	Transitions int // how many inputs moved it
	UpdatedAt   time.Time
	FinishedAt  time.Time // zero: not yet
}

// Entry is one line of the history.
type Entry struct {
	OrderID    uuid.UUID
	InputID    uuid.UUID
	Transition int // the instance's count; an input without effect has that of the transition before it
	At         time.Time
	Topic      string // empty for what is no message
	Offset     int64
	Input      string // wire type
	Note       saga.Note
	Commands   []Sent
	TraceID    string // 32 hex digits, or empty
	Operator   string // who wished it; empty for events and deadlines
	Reason     string
}

// EntryKey is what a line of the history is found by.
type EntryKey struct{ OrderID, InputID uuid.UUID }

// Sent is a command that an input led to.
type Sent struct {
	Type    string // wire type
	Attempt int
}

// Moves tells whether the input had an effect on the instance.
func (e *Entry) Moves() bool { return e.Note.Effect == saga.Applied || e.Note.Effect == saga.Jammed }

// Timer is an instance that needs the clock.
type Timer struct {
	OrderID     uuid.UUID
	Partition   int32
	Traceparent string
	Tracestate  string
	Held        bool // its deadline does not count for now
	Anew        bool // its deadline starts anew: it passed in a storm that ended by itself
}

// Soonest is when the first of a partition's instances that wait for a step needs the clock.
type Soonest struct {
	Partition int32
	Step      string
	ResendAt  time.Time
	Deadline  time.Time // zero: none has one
}

// Waiting counts the instances of a step.
type Waiting struct {
	InFlight int // wait for it, or are undone because it did not answer
	Overdue  int // those of them without an answer in time
	Answered int // of the same time, that had an answer
}

// Storm is a time in which the deadlines of a step were held.
type Storm struct {
	ID       uuid.UUID // UUIDv7
	Step     string
	BeganAt  time.Time
	Waiting            // when it began
	EndedAt  time.Time // zero: it is on
	Operator string    // who released it, and why; empty where it ended by itself
	Reason   string
}

// Range of order ids: From ≤ id < To.
type Range struct{ From, To uuid.UUID }
