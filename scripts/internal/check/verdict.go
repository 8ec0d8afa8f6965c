package check

import (
	"cmp"
	"fmt"
	"slices"
)

// Invariant names what is broken: an invariant of DESIGN, section 11, or a rule of sections 3, 4 and 6.
type Invariant string

// The invariants. I9 is the archive's.
const (
	Wire    Invariant = "wire"    // headers, key, partition and value are as section 4 has them
	Promise Invariant = "promise" // to every reader: first appearances in sequence order, none missing, repeats byte for byte
	Cause   Invariant = "cause"   // an answer names a command, once; a command follows from its events
	Effect  Invariant = "effect"  // no effect in a database or at the provider that no message explains, nor the other way round
	I1      Invariant = "I1"      // money
	I2      Invariant = "I2"      // stock
	I3      Invariant = "I3"      // nothing is dispatched without captured money
	I4      Invariant = "I4"      // at most one effective provider call for each operation
	I5      Invariant = "I5"      // nothing overtakes a dead letter
	I6      Invariant = "I6"      // one end, or an alert
	I7      Invariant = "I7"      // one final state, whatever the order of delivery
	I8      Invariant = "I8"      // every 202 an OrderPlaced, every 4xx none
	I10     Invariant = "I10"     // a rewind sends nothing
)

// Violation is one thing that does not hold, with the evidence.
type Violation struct {
	Invariant Invariant `json:"invariant"`
	Order     string    `json:"order,omitempty"`
	Text      string    `json:"text"`
}

func (v Violation) String() string {
	if v.Order == "" {
		return fmt.Sprintf("%s: %s", v.Invariant, v.Text)
	}
	return fmt.Sprintf("%s: order %s: %s", v.Invariant, v.Order, v.Text)
}

// Excuse is an order that is not as a finished one must be, for a cause that alerts.
type Excuse struct {
	Order  string `json:"order"`
	Cause  string `json:"cause"`
	Detail string `json:"detail,omitempty"`
}

// Verdict is what Judge found.
type Verdict struct {
	Holds      bool              `json:"holds"`
	Orders     int               `json:"orders"`
	Outcomes   map[string]int    `json:"outcomes"` // completed, rejected, cancelled, open
	Records    int64             `json:"records"`
	Repeats    int64             `json:"repeats"` // of these, messages that had appeared before
	Ledger     int64             `json:"ledger"`  // lines
	Violations []Violation       `json:"violations"`
	Counts     map[Invariant]int `json:"violations_by_invariant"` // also of those beyond the first few
	Excuses    []Excuse          `json:"excuses"`
	Excused    map[string]int    `json:"excused_by_cause"`
	Baseline   *Baseline         `json:"-"` // where Options.Digest asked for it
}

// mostListed is how many violations of an invariant, and how many excuses of a cause, are told one by one.
const mostListed = 20

// findings collects what does not hold.
type findings struct {
	list    []Violation
	count   map[Invariant]int
	excuses []Excuse
	excused map[string]int
}

func newFindings() *findings {
	return &findings{count: map[Invariant]int{}, excused: map[string]int{}}
}

func (f *findings) add(i Invariant, order, format string, args ...any) {
	if f.count[i]++; f.count[i] <= mostListed {
		f.list = append(f.list, Violation{i, order, fmt.Sprintf(format, args...)})
	}
}

func (f *findings) excuse(order, cause, detail string) {
	if f.excused[cause]++; f.excused[cause] <= mostListed {
		f.excuses = append(f.excuses, Excuse{order, cause, detail})
	}
}

func (f *findings) merge(other *findings) {
	f.list = append(f.list, other.list...)
	f.excuses = append(f.excuses, other.excuses...)
	for i, n := range other.count {
		f.count[i] += n
	}
	for cause, n := range other.excused {
		f.excused[cause] += n
	}
}

// into writes the findings into a verdict, in an order that does not depend on who came first.
func (f *findings) into(v *Verdict) {
	slices.SortFunc(f.list, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.Invariant, b.Invariant), cmp.Compare(a.Order, b.Order), cmp.Compare(a.Text, b.Text))
	})
	slices.SortFunc(f.excuses, func(a, b Excuse) int {
		return cmp.Or(cmp.Compare(a.Cause, b.Cause), cmp.Compare(a.Order, b.Order))
	})
	listed := map[Invariant]int{}
	v.Violations, v.Excuses = []Violation{}, f.excuses
	for _, violation := range f.list {
		if listed[violation.Invariant]++; listed[violation.Invariant] <= mostListed {
			v.Violations = append(v.Violations, violation)
		}
	}
	if v.Excuses == nil {
		v.Excuses = []Excuse{}
	}
	v.Counts, v.Excused = f.count, f.excused
	v.Holds = len(f.list) == 0
}
