package saga

import "time"

// Kind of a step.
type Kind string

// The kinds, in the order in which they may follow each other in a table.
const (
	Compensatable Kind = "compensatable" // can be undone
	Pivot         Kind = "pivot"         // at most one; after it there is no way back
	Retriable     Kind = "retriable"     // repeated until it succeeds
)

// Definition is a saga as a table. D is what its commands are made from; it is learned from the start event, never changes,
// and must survive encoding/json. Use what Define returns.
type Definition[D any] struct {
	Name    string
	Version int // from 1; an instance keeps the one that it started with

	Start   Starter[D] // the event that starts an instance: saga.On(func(contracts.OrderPlaced) Order)
	Cancel  Message    // the event that asks for cancellation; nil: there is none
	Ignored []Message  // events of the same topics that are none of this saga's business

	Steps     []Step[D]
	Rejected  End[D] // after unwinding because a step failed
	Cancelled End[D] // after unwinding because of Cancel

	table *table[D]
}

// Step is a row of the table. Messages are given by their zero value, as names of their type.
type Step[D any] struct {
	Name    string
	Kind    Kind
	Resend  time.Duration // without an answer the command is sent again; first wait of a backoff where there is no Timeout
	Timeout time.Duration // compensatable only: afterwards the outcome is unknown and the step is undone

	Do      func(D) Message // the command
	Done    Message         // its success
	Refused Message         // its refusal; nil where it cannot be refused

	Undo       func(D) Message // compensatable only: the compensation
	Undone     Message         // its success
	UndoFailed Message         // it failed for good and is owed; nil where it cannot fail
}

// End is the command that closes an unwound instance; it is sent until its Done comes.
type End[D any] struct {
	Do     func(D, Failure) Message
	Done   Message
	Resend time.Duration // default 10 s
}

// Failure is why an instance was unwound: both empty where only a cancellation led to it.
type Failure struct {
	Step   string // its name in the table
	Reason string // the refusal's reason, or TimedOut
}

// TimedOut is the reason of a step that was given up without an answer.
const TimedOut = "timed_out"

// Names of the end commands, beside those of the steps.
const (
	RejectStep = "reject"
	CancelStep = "cancel"
)

const endResend = 10 * time.Second

// Starter makes an instance's data from its start event. On makes a Starter.
type Starter[D any] struct {
	event Message
	data  func(Message) (D, bool)
}

// On returns a Starter for one type of event.
func On[E Message, D any](data func(E) D) Starter[D] {
	var event E
	return Starter[D]{event: event, data: func(m Message) (D, bool) {
		e, ok := m.(E)
		if !ok {
			var none D
			return none, false
		}
		return data(e), true
	}}
}
