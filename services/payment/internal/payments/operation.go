package payments

import (
	"encoding/binary"
	"strconv"
	"time"

	"github.com/google/uuid"

	"ordersaga.internal/contracts"
)

// Kind is which of an order's two operations.
type Kind string

// The kinds.
const (
	Authorization Kind = "authorization"
	Capture       Kind = "capture"
)

// State of an operation. The zero value means that there is none.
type State string

// The states.
const (
	Absent     State = ""
	Intended   State = "intended"    // wanted; asked for until answered
	Did        State = "done"        // the provider did it
	Declined   State = "refused"     // the provider refused it: nothing to undo
	Undoing    State = "undoing"     // its undo was accepted; undone until answered
	Undone     State = "undone"      // its undo was answered
	UndoFailed State = "undo_failed" // the provider refused its undo for good; a higher attempt tries again
)

// Operation is one authorization or capture of an order.
type Operation struct {
	Order   uuid.UUID
	Kind    Kind
	State   State
	Command uuid.UUID // of the do, and its key at the provider

	Amount        contracts.Money // asked for
	PaymentMethod string          // authorization
	Customer      string          // authorization
	Target        string          // capture: the provider's reference of the authorization

	Settled   bool             // the outcome of the do is known
	DoneMinor int64            // what the provider did, when settled
	Reference string           // the provider's: when done, or before, where it was prepared
	Reason    contracts.Reason // when refused
	Code      string           // the provider's, of the last refusal

	Undo        uuid.UUID // command of the undo, uuid.Nil while there is none
	Failures    int       // undos that the provider refused for good, or that found nothing of what surfaced later
	UndoneMinor int64     // what was let go or given back

	Attempts    int       // calls without an answer, or that may have been made, since it was last opened
	DueAt       time.Time // while open: from when on a caller may take it, being the end of a lease or of a pause
	LeasedBy    string    // the replica that calls, until DueAt; "" during a pause
	Traceparent string    // of the command that opened it
	Tracestate  string
}

// Lease says which replica calls for an operation, and until when others leave it alone.
type Lease struct {
	Replica string
	Until   time.Time
}

// Open tells whether an answer of the provider is wanted.
func (o Operation) Open() bool { return o.State == Intended || o.State == Undoing }

// Key returns the provider's key of the outstanding call. That of an undo counts the recorded failures, so that a retry
// after one is not answered by replay.
func (o Operation) Key() string {
	if o.State == Intended {
		return o.Command.String()
	}
	return o.Undo.String() + "-" + strconv.Itoa(o.Failures)
}

// DoCall returns the call that does the operation.
func (o Operation) DoCall() Call {
	action := ActionAuthorize
	if o.Kind == Capture {
		action = ActionCapture
	}
	return Call{
		Action: action, Key: o.Command.String(), Order: o.Order, Amount: o.Amount,
		PaymentMethod: o.PaymentMethod, Customer: o.Customer, Target: o.Target, Reference: o.Reference,
	}
}

// UndoCall returns the call that undoes what the provider did under the reference.
func (o Operation) UndoCall(reference string) Call {
	action := ActionVoid
	if o.Kind == Capture {
		action = ActionRefund
	}
	return Call{Action: action, Key: o.Key(), Order: o.Order, Target: reference}
}

// lease opens the operation for the replica.
func (o *Operation) lease(l Lease, traceparent, tracestate string) {
	o.Attempts, o.DueAt, o.LeasedBy = 0, l.Until, l.Replica
	o.Traceparent, o.Tracestate = traceparent, tracestate
}

// shut ends the outstanding call.
func (o *Operation) shut(s State) {
	o.State, o.DueAt, o.LeasedBy = s, time.Time{}, ""
}

const (
	firstPause    = 100 * time.Millisecond
	longestPause  = 5 * time.Second
	uncalledPause = 2 * time.Second
)

// pause returns how long to wait after a call without an answer: doubling with the attempts, and spread over half by the
// order's id, so that an outage is not followed by everybody at once. Where the provider was not even called, it rests.
func (o Operation) pause(called bool) time.Duration {
	wait := longestPause
	switch doublings := o.Attempts - 1; {
	case !called:
		wait = uncalledPause
	case doublings < 6:
		wait = firstPause << max(doublings, 0)
	}
	spread := time.Duration(binary.BigEndian.Uint16(o.Order[14:])) * (wait / 2) >> 16
	return wait/2 + spread
}
