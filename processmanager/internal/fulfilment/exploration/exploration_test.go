package exploration_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"ordersaga.internal/processmanager/internal/fulfilment"
	"ordersaga.internal/processmanager/internal/fulfilment/exploration"
	"ordersaga.internal/processmanager/saga"
	"ordersaga.internal/processmanager/saga/explore"
)

var update = flag.Bool("update", false, "write the golden files anew")

// explored is everything up to three faults, explored once for all tests.
var explored = sync.OnceValues(func() (explore.Result, error) {
	return explore.Explore(exploration.Config(fulfilment.Newest, 3))
})

func everything(t *testing.T) explore.Result {
	t.Helper()
	r, err := explored()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Nothing that is forbidden happens with up to three faults, and from everywhere there is a way to an end.
func TestHolds(t *testing.T) {
	t.Parallel()
	if v := everything(t).Violation; v != nil {
		t.Fatalf("with %d faults: %s\n%s", v.Faults, v.Problem, strings.Join(v.Story, "\n"))
	}
}

// What was explored, and what came of it, is known: a change shows in the golden file.
func TestGolden(t *testing.T) {
	t.Parallel()
	r := everything(t)
	var b strings.Builder
	b.WriteString("# The order saga explored with up to three faults\n\nGenerated.\n\n| faults | states | transitions | at rest |\n|---|---|---|---|\n")
	for k, l := range r.Levels {
		fmt.Fprintf(&b, "| %d | %d | %d | %d |\n", k, l.States, l.Transitions, l.Ends)
	}
	b.WriteString("\n## Why instances were stuck\n\n")
	for _, why := range slices.Sorted(maps.Keys(r.Stuck)) {
		fmt.Fprintf(&b, "- %s\n", why)
	}
	b.WriteString("\n## What was decided, and what came of it (I7)\n\n")
	for _, decided := range slices.Sorted(maps.Keys(r.Outcomes)) {
		fmt.Fprintf(&b, "- %s\n", decided)
		for _, end := range r.Outcomes[decided] {
			fmt.Fprintf(&b, "  - %s\n", end)
		}
	}
	cells, err := exploration.CellsOf(r, 3)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "\n## Cells of the table\n\n%d are reached. The others are not, because\n\n", cells.Reached)
	for _, why := range slices.Sorted(maps.Keys(cells.Unreached)) {
		fmt.Fprintf(&b, "- %s: %d\n", why, cells.Unreached[why])
	}
	golden(t, "exploration.md", b.String())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not current: run go test ./internal/fulfilment/exploration -update and read the difference", path)
	}
}

// I7: where nobody cancelled or waived and no step was given up, what was decided leaves one end, whatever the order of messages.
func TestOneEndForEveryOrderOfMessages(t *testing.T) {
	t.Parallel()
	for _, wrong := range exploration.OneEnd(everything(t)) {
		t.Error(wrong)
	}
	ends := 0
	for _, list := range everything(t).Outcomes {
		ends += len(list)
	}
	if ends < 20 {
		t.Errorf("only %d ends", ends)
	}
}

// Every cell of the table is reached, or it is said why it cannot be; and what cannot be is not reached.
func TestCells(t *testing.T) {
	t.Parallel()
	c, err := exploration.CellsOf(everything(t), 3)
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range c.Wrong {
		t.Error(wrong)
	}
	for why, n := range c.Unreached {
		if n == 0 {
			t.Errorf("no cell is unreached because %s", why)
		}
	}
}

// The cells that need five faults are reached with those five.
func TestCellsThatNeedFiveFaults(t *testing.T) {
	t.Parallel()
	c := exploration.Config(fulfilment.Newest, 5)
	c.Only = func(f explore.FaultOf) bool {
		do := f.Message == "AuthorizePayment" || f.Message == "CapturePayment"
		switch f.Kind {
		case explore.Resent, explore.SetAside, explore.Repeated:
			return do
		case explore.GivenUp:
			return true
		case explore.Own:
			return strings.HasSuffix(f.Text, "for good")
		}
		return false
	}
	r, err := explore.Explore(c)
	if err != nil {
		t.Fatal(err)
	}
	later, missing, err := exploration.Later(r)
	if err != nil {
		t.Fatal(err)
	}
	if later == 0 || len(missing) > 0 {
		t.Errorf("of %d cells these are not reached: %s", later, strings.Join(missing, "; "))
	}
}

// Rule 7 taken away: a backlog or a dead letter unwinds a healthy order.
func TestWithoutRule7(t *testing.T) {
	t.Parallel()
	c := exploration.Config(fulfilment.Newest, 1)
	c.ClockWaitsForNothing = true
	falls(t, c, "rule 7")
}

// Rule 9 taken away: another definition under the same version, which knows no capture, decides instances in flight.
func TestWithoutRule9(t *testing.T) {
	t.Parallel()
	other := *fulfilment.Newest
	other.Steps = slices.DeleteFunc(slices.Clone(other.Steps), func(s saga.Step[fulfilment.Order]) bool { return s.Name == "capture payment" })
	c := exploration.Config(fulfilment.Newest, 1)
	c.Swapped = saga.Define(other)
	falls(t, c, "I3")
}

// falls expects a violation.
func falls[D any](t *testing.T, c explore.Config[D], problem string) {
	t.Helper()
	c.Workers = 1
	r, err := explore.Explore(c)
	if err != nil {
		t.Fatal(err)
	}
	if r.Violation == nil {
		t.Fatal("everything holds")
	}
	if !strings.Contains(r.Violation.Problem, problem) {
		t.Errorf("%s, want %s\n%s", r.Violation.Problem, problem, strings.Join(r.Violation.Story, "\n"))
	}
}
