package messaging

import (
	"testing"
	"time"
)

func TestTheBucketFillsWithTime(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	b := newThrottle(Throttle{Messages: 100, Interval: 10 * time.Second})
	draw := func(most, want int, wait time.Duration) {
		t.Helper()
		if got, w := b.draw(most, now); got != want || w.Truncate(time.Millisecond) != wait {
			t.Errorf("%d of %d, wait %v; want %d, wait %v", got, most, w, want, wait)
		}
	}
	draw(60, 60, 0)
	draw(60, 40, 0)
	draw(60, 0, time.Second) // a tenth is worth a batch
	draw(3, 0, 300*time.Millisecond)
	now = now.Add(900 * time.Millisecond)
	draw(60, 0, 100*time.Millisecond)
	now = now.Add(200 * time.Millisecond)
	draw(60, 11, 0)
	b.put(11)
	draw(60, 11, 0)
	now = now.Add(time.Hour)
	draw(1000, 100, 0) // never more than one interval's
	for c, limits := range map[Throttle]bool{{}: false, {Messages: 1}: true} {
		if (newThrottle(c) != nil) != limits {
			t.Errorf("%+v limits: %v", c, !limits)
		}
	}
}
