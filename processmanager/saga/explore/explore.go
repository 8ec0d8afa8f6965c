package explore

import (
	"errors"
	"fmt"
	"runtime"

	"ordersaga.internal/processmanager/saga"
)

// Config says what is explored. Workers, Progress, Outcome and Limit may be left zero.
type Config[D any] struct {
	Definition   *saga.Definition[D]
	Start        saga.Input
	Participants []Participant // at most four
	Faults       int           // the budget

	Only func(FaultOf) bool // the faults that may happen; nil: all

	// Check returns what is wrong with a state, nil where nothing is.
	Check func(View[D]) error
	// Outcome names, for a state at rest, what was decided on the way and what came of it (I7).
	Outcome func(View[D]) (decided, end string)

	Workers  int // default: one for each CPU
	Limit    int // states, after which it gives up; default 200 million
	Progress func(faults, states int)

	// ClockWaitsForNothing takes rule 7 away: deadlines fire though their answers are in the log, or set aside.
	ClockWaitsForNothing bool
	// Swapped takes rule 9 away: from any moment on it decides instead of Definition, under the same version.
	Swapped *saga.Definition[D]
}

// View is a state as Check sees it.
type View[D any] struct {
	Instance *saga.Instance[D]
	Sides    []Side // in the order of Config.Participants
	AtRest   bool   // the instance is final, everything is read, and nothing can move by itself
}

// Result of an exploration.
type Result struct {
	Levels    []Level             // by faults
	Violation *Violation          // nil where everything holds
	Cells     map[saga.Cell]bool  // of the definition's table, with Stuck left out: those that occurred
	Outcomes  map[string][]string // by what was decided: the different ends
	Stuck     map[string]int      // why instances were stuck, and in how many of their forms
}

// Level is what was found with exactly so many faults and no fewer.
type Level struct {
	States      int `json:"states"`
	Transitions int `json:"transitions"`
	Ends        int `json:"ends"` // states at rest
}

// Violation is the shortest way to something that must not be.
type Violation struct {
	Problem string
	Faults  int
	Story   []string // a line a step
}

// ErrLimit is returned where there are more states than Config.Limit.
var ErrLimit = errors.New("more states than the limit")

// Explore walks every state that can be reached with up to Config.Faults faults. It stops at the first violation, which is
// one with the fewest faults and, of those, the fewest steps. Errors: ErrLimit; those of saga.Start.
func Explore[D any](c Config[D]) (Result, error) {
	if c.Workers <= 0 {
		c.Workers = runtime.NumCPU()
	}
	if c.Limit <= 0 {
		c.Limit = 200_000_000
	}
	if len(c.Participants) > maxSides {
		return Result{}, fmt.Errorf("%d participants, at most %d", len(c.Participants), maxSides)
	}
	t := newTables(&c)
	first, err := t.begin()
	if err != nil {
		return Result{}, err
	}
	s := newSearch(t)
	if err := s.run(&first); err != nil {
		return Result{}, err
	}
	return s.result(), nil
}
