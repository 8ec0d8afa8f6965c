package saga

// Due says that the clock reached the instance's due time. An early, stale or doubled one is ignored. Held says that the
// deadline does not count for now, passed or not: the command is sent again where it is time for that, and not given up.
type Due struct{ Held bool }

// Redriven says that dead letters of the instance were handled again: its deadline and re-sending start anew.
type Redriven struct{}

// Retry is an operator's wish to send a command again now: the outstanding one, or where none is, the owed compensation
// of Step. An empty Step means whichever there is, of owed compensations the one last in the table.
type Retry struct{ Step, Reason string }

// Waive is an operator's wish to give up the owed compensation of a step.
type Waive struct{ Step, Reason string }

// Unwind is an operator's wish to undo the instance: as if the deadline of the outstanding step had passed. Denied once
// the pivot was sent.
type Unwind struct{ Reason string }

// WireType names the input in the history.
func (Due) WireType() string { return "saga.Due" }

// WireType names the input in the history.
func (Redriven) WireType() string { return "saga.Redriven" }

// WireType names the input in the history.
func (Retry) WireType() string { return "saga.Retry" }

// WireType names the input in the history.
func (Waive) WireType() string { return "saga.Waive" }

// WireType names the input in the history.
func (Unwind) WireType() string { return "saga.Unwind" }

// Reasoned is a refusal, or a failed compensation, that says why.
type Reasoned interface{ Why() string }

func why(m Message) string {
	if r, ok := m.(Reasoned); ok {
		return r.Why()
	}
	return ""
}
