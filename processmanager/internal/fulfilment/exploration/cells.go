package exploration

import (
	"fmt"
	"slices"
	"strings"

	"ordersaga.internal/processmanager/internal/fulfilment"
	"ordersaga.internal/processmanager/saga"
	"ordersaga.internal/processmanager/saga/explore"
)

// unreached says, in one place, which cells of the saga's table (internal/fulfilment/testdata/table.md) no exploration
// reaches, and why: it cannot be, or needs so many faults.
var unreached = []struct {
	why    string
	faults int // 0: it cannot be
	is     func(situation, saga.Cell) bool
}{
	{"the machine passes by types that no contract knows", 0, func(_ situation, c saga.Cell) bool {
		return c.Input == "an event that the table does not name"
	}},
	{"what was captured is held no more, so the void after it answers at once: of the two only one is ever owed", 0, func(s situation, _ saga.Cell) bool {
		return s.failed("authorize payment") && s.failed("capture payment")
	}},
	{"a void can fail only where nothing was captured, so neither capture nor dispatch did anything", 0, func(s situation, c saga.Cell) bool {
		return s.failed("authorize payment") && slices.Contains([]string{"PaymentCaptured", "PaymentRefundFailed", "DispatchRefused"}, c.Input)
	}},
	{"a refund fails only where something was captured, and then the void finds nothing to fail at", 0, func(s situation, c saga.Cell) bool {
		return s.failed("capture payment") && c.Input == "PaymentVoidFailed"
	}},
	{"while it goes forward nothing is undone, so nothing answers a compensation", 0, func(s situation, c saga.Cell) bool {
		_, undo := answers(c.Input)
		return s.forward() && undo
	}},
	{"no step answers before it was asked for", 0, func(s situation, c saga.Cell) bool {
		k, _ := answers(c.Input)
		return s.forward() && k > s.step
	}},
	{"a step that succeeded was not refused", 0, func(s situation, c saga.Cell) bool {
		k, _ := answers(c.Input)
		return k < s.begun() && refusal(c.Input)
	}},
	{"steps are undone in reverse, one at a time", 0, func(s situation, c saga.Cell) bool {
		k, undo := answers(c.Input)
		return undo && s.undo && !s.again && k < stepNumber(s.waiting)
	}},
	{"what was dispatched is never unwound", 0, func(s situation, c saga.Cell) bool {
		return !s.forward() && (c.Input == "OrderDispatched" || c.Input == "OrderCompleted")
	}},
	{"an order has one end: the answer to one end command comes where that was sent", 0, func(s situation, c saga.Cell) bool {
		switch c.Input {
		case "OrderRejected":
			return s.state != "rejected" && s.waiting != "reject"
		case "OrderCancelled":
			return s.state != "cancelled" && s.waiting != "cancel"
		}
		return false
	}},
	{"the order service declines a cancellation when it completes or rejects the order", 0, func(s situation, c saga.Cell) bool {
		return c.Input == "OrderCancellationDeclined" &&
			s.state != "completed" && s.state != "rejected" && s.waiting != "complete" && s.waiting != "reject"
	}},
	{"the assertion of rule 5: no success is sequenced after its undo", 0, func(_ situation, c saga.Cell) bool {
		return c.Effect == saga.Jammed && undoable(c.Input)
	}},
	{"a do that is open when its undo comes is refused as superseded only where a later attempt comes after it: sent again, " +
		"set aside, given up, closed by the undo, and read again; and here the undo failed", 5, func(s situation, c saga.Cell) bool {
		void, refund := s.failed("authorize payment"), s.failed("capture payment")
		return void && !refund && c.Input == "PaymentDeclined" || refund && !void && c.Input == "PaymentCaptureRefused"
	}},
}

// situation is the name of one, taken apart.
type situation struct {
	state, waiting string
	step           int // while it goes forward: the number of the step that it waits for; of all steps where it is completed
	undo, again    bool
	owed           []string
}

func situationOf(name string) situation {
	var s situation
	name, owed, _ := strings.Cut(name, ", owed: ")
	if owed != "" {
		s.owed = strings.Split(owed, " and ")
	}
	name = strings.TrimSuffix(name, ", cancelling")
	s.state, s.waiting, _ = strings.Cut(name, ", waiting for ")
	s.waiting, s.undo = strings.CutPrefix(s.waiting, "the compensation of ")
	s.waiting, s.again = strings.CutSuffix(s.waiting, " once more")
	s.step = stepNumber(s.waiting)
	if s.state == "completed" {
		s.step = len(fulfilment.Newest.Steps)
	}
	return s
}

func (s *situation) forward() bool { return s.state == "running" || s.state == "completed" }

// failed tells whether the step's compensation failed for good, once at least.
func (s *situation) failed(step string) bool {
	return slices.Contains(s.owed, step) || s.again && s.waiting == step
}

// begun is the number of the last step that is known to be begun.
func (s *situation) begun() int {
	last := s.step
	for _, name := range s.owed {
		last = max(last, stepNumber(name))
	}
	return last
}

func stepNumber(name string) int {
	return slices.IndexFunc(fulfilment.Newest.Steps, func(p saga.Step[fulfilment.Order]) bool { return p.Name == name })
}

// answers returns the number of the step that an event answers, -1 where none, and whether it answers the compensation.
func answers(input string) (step int, undo bool) {
	for k := range fulfilment.Newest.Steps {
		s := &fulfilment.Newest.Steps[k]
		switch input {
		case saga.ShortName(s.Done), saga.ShortName(s.Refused):
			return k, false
		case saga.ShortName(s.Undone), saga.ShortName(s.UndoFailed):
			return k, true
		}
	}
	return -1, false
}

// undoable tells whether an event says that a step which can be undone succeeded.
func undoable(input string) bool {
	return slices.ContainsFunc(fulfilment.Newest.Steps, func(s saga.Step[fulfilment.Order]) bool {
		return s.Undo != nil && saga.ShortName(s.Done) == input
	})
}

func refusal(input string) bool {
	return slices.ContainsFunc(fulfilment.Newest.Steps, func(s saga.Step[fulfilment.Order]) bool {
		return s.Refused != nil && saga.ShortName(s.Refused) == input
	})
}

// CellsFound is how the table of the saga compares with what an exploration reached.
type CellsFound struct {
	Reached   int
	Unreached map[string]int // how many are not, by why
	Wrong     []string       // what is reached though it should not be, and what is not though nothing says why
}

// Usual is how many faults are explored every time: enough for every cell that can be reached, but those that say so.
const Usual = 3

// CellsOf compares the table with an exploration of up to so many faults of any kind. Errors: those of saga.Cells.
func CellsOf(r explore.Result, faults int) (CellsFound, error) {
	found := CellsFound{Unreached: map[string]int{}}
	for _, u := range unreached {
		found.Unreached[u.why] = 0
	}
	err := eachCell(func(c saga.Cell, at int) {
		switch {
		case r.Cells[c] && at >= 0 && (unreached[at].faults == 0 || faults < unreached[at].faults):
			found.Wrong = append(found.Wrong, fmt.Sprintf("%s is reached, though %s", cellName(c), unreached[at].why))
		case r.Cells[c]:
			found.Reached++
		case at >= 0:
			found.Unreached[unreached[at].why]++
		case faults >= Usual:
			found.Wrong = append(found.Wrong, cellName(c)+" is not reached")
		}
	})
	return found, err
}

// Later counts the cells that need more faults than are explored every time, and names those that an exploration did not
// reach.
func Later(r explore.Result) (cells int, missing []string, err error) {
	err = eachCell(func(c saga.Cell, at int) {
		if at < 0 || unreached[at].faults == 0 {
			return
		}
		cells++
		if !r.Cells[c] {
			missing = append(missing, cellName(c))
		}
	})
	return cells, missing, err
}

// eachCell calls f with each cell and the first reason why it is not reached, -1 where there is none.
func eachCell(f func(c saga.Cell, why int)) error {
	cells, err := saga.Cells(fulfilment.Newest)
	for _, c := range cells {
		c.Stuck = ""
		s := situationOf(c.Situation)
		why := -1
		for k := len(unreached) - 1; k >= 0; k-- {
			if unreached[k].is(s, c) {
				why = k
			}
		}
		f(c, why)
	}
	return err
}

func cellName(c saga.Cell) string {
	return strings.TrimSpace(fmt.Sprintf("%s in %q (%s %s)", c.Input, c.Situation, c.Effect, c.Why))
}
