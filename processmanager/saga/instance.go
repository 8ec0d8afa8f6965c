package saga

import (
	"time"

	"github.com/google/uuid"
)

// Message is the body of a command or an event. The engine knows no contracts.
type Message interface{ WireType() string }

// State of an instance.
type State string

// The states. The last three are final.
const (
	Running   State = "running"   // going forward
	Unwinding State = "unwinding" // running compensations in reverse
	Ending    State = "ending"    // everything is undone; RejectOrder or CancelOrder is outstanding
	Completed State = "completed"
	Rejected  State = "rejected"
	Cancelled State = "cancelled"
)

// Final tells whether nothing more will happen.
func (s State) Final() bool { return s == Completed || s == Rejected || s == Cancelled }

// Outcome of one step of an instance.
type Outcome string

// The outcomes of a step.
const (
	Open      Outcome = "open"      // its command was sent
	Succeeded Outcome = "succeeded" // its Done came
	Refused   Outcome = "refused"   // it did nothing
	Unknown   Outcome = "unknown"   // its deadline passed without an answer: it is undone too
	Undoing   Outcome = "undoing"   // its compensation was sent
	Undone    Outcome = "undone"    // its compensation succeeded
	Owed      Outcome = "owed"      // its compensation failed for good
	Waived    Outcome = "waived"    // an operator gave up an owed compensation
)

// Progress is what became of one step.
type Progress struct {
	Step        string  `json:"step"`
	Outcome     Outcome `json:"outcome"`
	UndoAttempt int     `json:"undo_attempt,omitempty"` // the last attempt of its compensation: a retry continues from it
	Answered    int64   `json:"answered,omitempty"`     // Input.Sequence of the last answer that counted, 0 before
	Failure     string  `json:"failure,omitempty"`      // why its compensation is, or was, owed; "" where it never was
}

// Outstanding is the one command that the instance waits for.
type Outstanding struct {
	Command  uuid.UUID // its id: UUIDv5(saga, step, do|undo)
	Step     string    // of the table; "reject" or "cancel" for the end command
	Undo     bool
	Attempt  int       // of the last sending, from 1
	ResendAt time.Time // when to send it again
	Deadline time.Time // when its outcome counts as unknown; zero: never
}

// Due is when the instance next needs the clock: the earlier of ResendAt and Deadline.
func (o Outstanding) Due() time.Time {
	if !o.Deadline.IsZero() && o.Deadline.Before(o.ResendAt) {
		return o.Deadline
	}
	return o.ResendAt
}

// Instance is one saga: pure data, stored after every Apply.
type Instance[D any] struct {
	ID          uuid.UUID // of the saga and of the order
	Definition  string
	Version     int // of the definition that it started with, for ever
	State       State
	Data        D            // what the start event told; never changes
	Steps       []Progress   // the steps begun, in the order of the table
	Outstanding *Outstanding // nil when final, or while only owed compensations are left
	Cancelling  bool         // the customer asked in time; decided at the next answer
	Failed      string       // the step that failed, "" while none did
	Reason      string       // why: the refusal's reason or "timed_out"
	Stuck       string       // why an operator is needed, "" while none is; a final instance is stuck only if Apply's assertion fired
	Sequence    int64        // the last ce_sequence given out
}

// Input is what moves an instance: an event, or one of Due, Redriven, Retry, Waive, Unwind.
type Input struct {
	ID        uuid.UUID // ce_id; recorded in the history, once
	Subject   uuid.UUID // the saga's id, which is the order's
	Causation uuid.UUID // the command that it answers; uuid.Nil where it answers none
	Sequence  int64     // ce_sequence of its source; 0 where it has none
	Body      Message
}

// Outgoing is a command to send. The instance keeps its own numbering: Sequence is ce_sequence.
type Outgoing struct {
	ID       uuid.UUID
	Attempt  int
	Sequence int64
	Body     Message
}

// Effect of an input.
type Effect string

// The effects.
const (
	Applied Effect = "applied" // the instance moved on
	Late    Effect = "late"    // an answer to a command that is not outstanding: recorded, no effect
	Ignored Effect = "ignored" // by name: nothing to do in this state; Text says why
	Denied  Effect = "denied"  // an operator's wish that the rules do not allow; Text says why
	Jammed  Effect = "jammed"  // the instance became stuck
)

// Note is what the history says about an input.
type Note struct {
	Effect   Effect
	Text     string // for people: "stock reserved; asked for the payment"
	From, To State
}
