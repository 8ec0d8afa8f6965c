package admission

import (
	"testing"
	"time"
)

func TestBucket(t *testing.T) {
	t.Parallel()
	start := time.Now()
	b := newBucket(10, 3, start)
	taken := func(at time.Duration, tries int) (n int) {
		for range tries {
			if b.take(start.Add(at)) {
				n++
			}
		}
		return n
	}
	for _, c := range []struct {
		at          time.Duration
		tries, want int
	}{
		{0, 5, 3},                      // the burst
		{50 * time.Millisecond, 5, 0},  // half a token
		{100 * time.Millisecond, 5, 1}, // is kept
		{90 * time.Millisecond, 5, 0},  // a clock that another goroutine read before
		{time.Hour, 5, 3},              // no more than the burst
	} {
		if got := taken(c.at, c.tries); got != c.want {
			t.Errorf("at %s: %d of %d, want %d", c.at, got, c.tries, c.want)
		}
	}
	for range 10 {
		b.giveBack()
	}
	if got := taken(time.Hour, 10); got != 3 {
		t.Errorf("given back: %d, want 3", got)
	}
	n := 0
	for ms := range 10_000 {
		n += taken(time.Hour+time.Duration(ms)*time.Millisecond, 4)
	}
	if n < 99 || n > 100 {
		t.Errorf("%d in 10 s of a flood, want 10 a second", n)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	good := Limits{Rate: 500, Burst: 50, Concurrent: 100}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for _, change := range []func(*Limits){
		func(l *Limits) { l.Rate = -1 }, func(l *Limits) { l.Burst = -1 }, func(l *Limits) { l.Concurrent = 0 },
	} {
		l := good
		change(&l)
		if l.Validate() == nil {
			t.Errorf("%+v is taken", l)
		}
	}
}
