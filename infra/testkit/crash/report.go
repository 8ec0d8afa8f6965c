package crash

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Report is what a campaign came to. A run counts only when everything that was planned for it really happened.
type Report struct {
	Points     int // different ones, by scenario
	Singles    int // runs with one fault
	Pairs      int // runs with two
	Never      []string
	Violations []string
	Took       time.Duration
}

func (r *Report) String() string {
	return fmt.Sprintf("points %d × modes %d: runs %d, pairs %d, violations %d (%d faults did not happen and are not counted; %.0f s)",
		r.Points, len(Modes), r.Singles, r.Pairs, len(r.Violations), len(r.Never), r.Took.Seconds())
}

// mostNever is the share of planned faults that may never happen before the report counts as void: which round trips a
// run makes depends on how goroutines interleave.
const mostNever = 0.1

// judge fails the test where the report has violations, or is void.
func (r *Report) judge(t *testing.T) {
	t.Helper()
	for _, v := range r.Violations {
		t.Error(v)
	}
	for _, n := range r.Never {
		t.Log("never happened:", n)
	}
	if runs := r.Singles + r.Pairs; r.Singles == 0 || float64(len(r.Never)) > mostNever*float64(runs) {
		t.Errorf("void: of the runs that were planned %d happened and %d did not", runs, len(r.Never))
	}
}

// violation tells what went wrong, what happened before it, and how to see it again.
func violation(t *testing.T, scenario string, plan Faults, r result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s: %v\n", scenario, plan, r.err)
	fmt.Fprintf(&b, "  again: %s\n", command(t.Name(), scenario, plan))
	for n := range r.fired + 1 {
		if n > 0 && n <= len(plan) {
			fmt.Fprintf(&b, "  --- %s\n", plan[n-1])
		}
		fmt.Fprintf(&b, "  passed: %s\n", trail(r.script.seen(n)))
	}
	return b.String()
}

const longTrail = 60

func trail(points []Point) string {
	out, dots := make([]string, 0, longTrail), ""
	if n := len(points) - longTrail; n > 0 {
		points, dots = points[n:], "… "
	}
	for _, p := range points {
		out = append(out, p.String())
	}
	return dots + strings.Join(out, " · ")
}

// command is what repeats one run.
func command(test, scenario string, plan Faults) string {
	folder, err := os.Getwd()
	if err != nil {
		folder = "."
	}
	for root := folder; root != filepath.Dir(root); root = filepath.Dir(root) {
		if _, err := os.Stat(filepath.Join(root, "go.work")); err == nil {
			folder, _ = filepath.Rel(root, folder)
			break
		}
	}
	return fmt.Sprintf("(cd %s && %sREPLAY='%s: %s' go test -tags crash -count=1 -v -run '^%s$' .)", folder, prefix, scenario, plan, test)
}

// difference shows the lines that only one of two texts has.
func difference(want, got string) string {
	wanted, had := map[string]int{}, map[string]int{}
	for line := range strings.SplitSeq(want, "\n") {
		wanted[line]++
	}
	for line := range strings.SplitSeq(got, "\n") {
		had[line]++
	}
	var b strings.Builder
	for line := range strings.SplitSeq(want, "\n") {
		if wanted[line] > had[line] {
			fmt.Fprintln(&b, "  missing:", line)
			wanted[line]--
		}
	}
	for line := range strings.SplitSeq(got, "\n") {
		if had[line] > wanted[line] {
			fmt.Fprintln(&b, "  too much:", line)
			had[line]--
		}
	}
	if b.Len() == 0 {
		return "  the lines are the same in another order:\n" + got
	}
	return b.String()
}
