package payments

import "github.com/google/uuid"

// Hint says that the provider reports a success for an order. It is no evidence: it only says that reading may be worth it.
type Hint struct {
	Order uuid.UUID
	Key   string // of the call; "" where the provider does not tell
}

// News returns the call whose success would be news: the outstanding one, or the do of an operation that is taken for not
// done. It is only read.
func (o Operation) News() (Call, bool) {
	switch {
	case o.Amount.AmountMinor == 0 || o.Kind == Capture && o.Target == "": // nobody was called
		return Call{}, false
	case o.State == Intended, o.takenForNotDone():
		return o.DoCall(), true
	case o.State == Undoing && o.Settled:
		return o.UndoCall(o.Reference), true
	}
	return Call{}, false // done; or to be closed before anything is believed
}

func (o Operation) takenForNotDone() bool {
	return o.DoneMinor == 0 && (o.State == Undone || o.State == Declined)
}

// Surfaced says that the provider has done what it was told not to do any more, or what it had refused. Result is Done.
type Surfaced struct {
	Order  uuid.UUID
	Kind   Kind
	Result Result
}

// Surface takes it: the operation is opened to be undone. Nobody is told, for the saga has its answer.
func (o *Order) Surface(s Surfaced, by Command) {
	op := o.Of(s.Kind)
	if !op.takenForNotDone() || s.Result.Outcome != Done || s.Result.AmountMinor == 0 {
		return
	}
	op.Settled, op.DoneMinor, op.Reference = true, s.Result.AmountMinor, s.Result.Reference
	if op.Undo == uuid.Nil { // it was refused: nobody asked for its undo
		op.Undo = uuid.NewSHA1(op.Command, []byte("surfaced"))
	} else { // an answer to the undo that found nothing may come again: it must not end this one
		op.Failures++
	}
	op.State = Undoing
	op.lease(by.Lease, op.Traceparent, op.Tracestate)
}
