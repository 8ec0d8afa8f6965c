package messaging

import (
	"testing"
	"time"
)

func TestPaceWaitsOnlyWhereThereIsCompany(t *testing.T) {
	t.Parallel()
	const longest = 10 * time.Millisecond
	for rate, want := range map[int][2]time.Duration{ // messages a second → least and most linger
		1:     {0, 0},
		100:   {0, 0},
		600:   {longest / 4, 3 * longest / 4},
		5000:  {longest, longest},
		50000: {longest, longest},
	} {
		now := time.Unix(0, 0)
		p := pace{longest: longest, last: now}
		for range max(100, rate) { // at least for as long as it remembers
			now = now.Add(time.Second / time.Duration(rate))
			p.note(1, now)
		}
		if got := p.linger(); got < want[0] || got > want[1] {
			t.Errorf("at %d a second it lingers %v, want %v to %v", rate, got, want[0], want[1])
		}
		p.note(1, now.Add(time.Second)) // quiet again
		if got := p.linger(); got != 0 {
			t.Errorf("after a quiet second it lingers %v", got)
		}
	}
}
