package runner

import (
	"testing"
	"time"
)

// A partition is looked at when something may be due, and never more often than it may be.
func TestWatch(t *testing.T) {
	t.Parallel()
	now := time.Now()
	until := map[int32]time.Time{3: now}
	for name, c := range map[string]struct {
		due  time.Duration // of the earliest found; negative: none
		took time.Duration
		want time.Duration // to the next look
	}{
		"nothing pending":    {-1, 0, 5 * time.Second},
		"due soon":           {3 * time.Second, 0, 3 * time.Second},
		"due at once":        {0, 0, time.Second},
		"due late":           {time.Hour, 0, 5 * time.Second},
		"looking takes long": {0, 200 * time.Millisecond, 4 * time.Second},
	} {
		w := newWatch(time.Second)
		if len(w.open(until, now)) != 1 {
			t.Errorf("%s: the first look is not at once", name)
		}
		earliest := map[int32]time.Time{}
		if c.due >= 0 {
			earliest[3] = now.Add(c.due)
		}
		w.looked([]int32{3}, earliest, now, c.took)
		if len(w.open(until, now.Add(c.want-1))) != 0 || len(w.open(until, now.Add(c.want))) != 1 {
			t.Errorf("%s: the next look is not after %s", name, c.want)
		}
		w.again(until)
		if len(w.open(until, now)) != 1 {
			t.Errorf("%s: no look at once after a full one", name)
		}
	}
}
