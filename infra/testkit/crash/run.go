package crash

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// grace is how long after a clean end a planned fault may still come: at a heartbeat, or the next look at a clock.
const grace = 700 * time.Millisecond

// result is what one run came to.
type result struct {
	fired   int    // faults that really happened
	outcome string // what the scenario's end told
	script  *script
	err     error
}

// run plays a scenario once, with the faults planned.
func (l *lane[W, I]) run(sc Scenario[W, I], plan Faults, patience time.Duration) (r result) {
	r.script = newScript(plan)
	l.mu.Lock()
	l.script, l.starts, l.slow = r.script, 0, plan.slow()
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	defer func() {
		r.script.finish()
		r.fired = r.script.fired()
	}()

	if r.err = l.open(ctx, sc.Whole, r.script); r.err != nil {
		return r
	}
	end, err := sc.Play(l.world, &Stage[I]{lane: l, until: ctx})
	if err != nil {
		r.err = err
		return r
	}
	for n := -1; n != r.script.fired(); { // what fires late must change nothing, either
		n = r.script.fired()
		if r.outcome, r.err = again(end, r.outcome); r.err != nil {
			return r
		}
		r.script.await(len(plan))
	}
	if sc.Whole {
		if r.err = l.end(ctx); r.err != nil {
			return r
		}
		l.settle()
		if r.err = errors.Join(l.lapse(ctx), l.begin(nil)); r.err != nil {
			return r
		}
		r.outcome, r.err = again(end, r.outcome)
		return r
	}
	l.settle()
	return r
}

// open sees to an incarnation that the script follows.
func (l *lane[W, I]) open(ctx context.Context, whole bool, s *script) error {
	if whole {
		l.kill()
		return errors.Join(l.lapse(ctx), l.begin(s))
	}
	f, err := l.current(ctx)
	if err != nil {
		return err
	}
	for f.it.Ready(ctx) != nil {
		select {
		case <-ctx.Done():
			return errors.New("in vain: the program is ready")
		case <-f.ended:
			return fmt.Errorf("the program ended by itself: %w", f.err)
		case <-time.After(2 * time.Millisecond):
		}
	}
	f.ports.follow(s)
	return nil
}

// settle ends the run's counting; whoever lives, lives on.
func (l *lane[W, I]) settle() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.script = nil
	if l.now != nil {
		l.now.ports.follow(nil)
	}
}

// again asks for the end. If it was told before, nothing may have changed.
func again(end func() (string, error), before string) (string, error) {
	after, err := end()
	if err == nil && before != "" && after != before {
		err = fmt.Errorf("it had ended well, and then changed:\n%s", difference(before, after))
	}
	return after, err
}

// await waits a little for the faults that are planned.
func (s *script) await(planned int) {
	deadline := time.NewTimer(grace)
	defer deadline.Stop()
	for s.fired() < planned {
		select {
		case <-s.changed:
		case <-deadline.C:
			return
		}
	}
}
