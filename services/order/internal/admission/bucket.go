package admission

import (
	"sync"
	"time"
)

// bucket lets in rate a second on average, and up to burst at once after a pause.
type bucket struct {
	rate, burst float64

	mu     sync.Mutex
	tokens float64
	filled time.Time
}

func newBucket(rate float64, burst int, now time.Time) *bucket {
	return &bucket{rate: rate, burst: float64(burst), tokens: float64(burst), filled: now}
}

// take takes a token, where there is one.
func (b *bucket) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if since := now.Sub(b.filled); since > 0 {
		b.tokens = min(b.burst, b.tokens+since.Seconds()*b.rate)
		b.filled = now
	}
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// giveBack returns a token that was taken for nothing.
func (b *bucket) giveBack() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens = min(b.burst, b.tokens+1)
}
