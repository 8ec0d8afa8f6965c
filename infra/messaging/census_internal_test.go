package messaging

import (
	"testing"
	"time"
)

// Letters are counted soon after they changed, however often they do.
func TestCensusIsDue(t *testing.T) {
	t.Parallel()
	c, now := newCensus(), time.Now()
	expect := func(want bool, what string) {
		t.Helper()
		if got := c.due(now); got != want {
			t.Errorf("%s: due %t", what, got)
		}
	}
	c.changed()
	expect(true, "at first")
	expect(false, "just counted")
	c.changed()
	expect(false, "changed, just counted")
	now = now.Add(censusPause)
	expect(true, "changed a while ago")
	c.changed()
	c.changed()
	now = now.Add(censusPause / 2)
	expect(false, "changed again")
	now = now.Add(censusPause / 2)
	expect(true, "changed again, a while ago")
	now = now.Add(censusInterval - 1)
	expect(false, "not changed")
	now = now.Add(1)
	expect(true, "not changed for long")
}
