package load

import (
	"context"
	"sync"
	"time"
)

// Open calls do perSecond times a second for d, however long each call takes, and returns when the last has returned. due is
// when the call should have begun; ctx ending stops it early.
func Open(ctx context.Context, perSecond float64, d time.Duration, do func(i int, due time.Time)) {
	var calls sync.WaitGroup
	defer calls.Wait()
	start := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := 0; ; i++ {
		due := start.Add(time.Duration(float64(i) / perSecond * float64(time.Second)))
		if due.Sub(start) >= d {
			return
		}
		if wait := time.Until(due); wait > 0 {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			}
		}
		calls.Go(func() { do(i, due) })
	}
}
