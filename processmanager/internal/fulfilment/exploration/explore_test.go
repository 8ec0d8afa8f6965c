package exploration_test

import (
	"flag"
	"strings"
	"testing"

	"ordersaga.internal/processmanager/internal/fulfilment"
	"ordersaga.internal/processmanager/internal/fulfilment/exploration"
	"ordersaga.internal/processmanager/saga/explore"
)

var faults = flag.Int("faults", 3, "explore every combination of up to so many faults")

// Whatever goes wrong, in whatever order, up to so many faults: money and goods add up, nothing is decided twice, every
// order can still end, and instances are stuck only for what an operator must settle. With more: go test -run
// TestEveryCombination ./internal/fulfilment/exploration -faults 4
func TestEveryCombination(t *testing.T) {
	t.Parallel()
	r, err := explore.Explore(exploration.Config(fulfilment.V1, *faults))
	if err != nil {
		t.Fatal(err)
	}
	for k, l := range r.Levels {
		t.Logf("%d faults: %d states, %d transitions, %d at rest", k, l.States, l.Transitions, l.Ends)
	}
	if v := r.Violation; v != nil {
		t.Fatalf("%s, with %d faults:\n%s", v.Problem, v.Faults, strings.Join(v.Story, "\n"))
	}
	if len(r.Levels) != *faults+1 || r.Levels[*faults].States == 0 {
		t.Errorf("not everything was explored: %+v", r.Levels)
	}
	for why := range r.Stuck {
		if !strings.HasPrefix(why, "compensation owed: ") {
			t.Errorf("stuck for another reason: %s", why)
		}
	}
}

// The exploration can fail: where deadlines fire though the answers are in the log, or set aside (rule 7 taken away), it
// tells the shortest story of what goes wrong.
func TestWithoutRule7(t *testing.T) {
	t.Parallel()
	c := exploration.Config(fulfilment.V1, 3)
	c.ClockWaitsForNothing = true
	r, err := explore.Explore(c)
	if err != nil {
		t.Fatal(err)
	}
	if r.Violation == nil || len(r.Violation.Story) == 0 {
		t.Fatal("nothing goes wrong")
	}
	t.Logf("%s\n%s", r.Violation.Problem, strings.Join(r.Violation.Story, "\n"))
}
