package messaging

import (
	"context"
	"math"
	"time"
)

const (
	paceMemory = 100 * time.Millisecond // how far back the rate is an average
	paceQuiet  = 200                    // per second: up to this nothing waits for company
	paceBusy   = 1000                   // per second: from this on everything waits the longest
)

// pace decides how long to wait for company. Small transactions cost more than anything, but only where there are many:
// so a quiet worker commits at once, and the busier it is the longer it gathers, up to Config.Linger.
type pace struct {
	longest time.Duration
	rate    float64 // messages a second
	last    time.Time
}

// note counts n messages that came since the last call.
func (p *pace) note(n int, now time.Time) {
	if n == 0 {
		return
	}
	if elapsed := now.Sub(p.last); elapsed > 0 {
		keep := math.Exp(-float64(elapsed) / float64(paceMemory))
		p.rate = keep*p.rate + (1-keep)*float64(n)/elapsed.Seconds()
	}
	p.last = now
}

// linger is how long after the last batch began the next one should begin.
func (p *pace) linger() time.Duration {
	share := (p.rate - paceQuiet) / (paceBusy - paceQuiet)
	return time.Duration(max(0, min(share, 1)) * float64(p.longest))
}

// wait waits until it is time for the next batch, and tells whether it had to.
func (p *pace) wait(ctx context.Context) bool {
	linger := p.linger()
	if linger == 0 {
		return false
	}
	rest := linger - time.Since(p.last)
	if rest <= 0 {
		return true
	}
	t := time.NewTimer(rest)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
	return true
}
