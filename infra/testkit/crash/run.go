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
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	defer func() {
		l.settle()
		r.script.finish()
		r.fired = r.script.fired()
	}()

	if r.err = l.open(ctx, sc.Whole, r.script, plan.slow()); r.err != nil {
		return r
	}
	stage := &Stage[I]{lane: l, until: ctx}
	end, err := sc.Play(l.world, stage)
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
		r.err = l.close(ctx, stage, end, r.outcome)
	}
	return r
}

// open sees to an incarnation that the script follows.
func (l *lane[W, I]) open(ctx context.Context, whole bool, s *script, slow bool) error {
	if whole {
		l.kill()
		l.follow(s, slow)
		return errors.Join(l.lapse(ctx), l.begin(s))
	}
	if _, _, ok := l.alive(); !ok && l.vacant() {
		if err := errors.Join(l.lapse(ctx), l.begin(nil)); err != nil {
			return err
		}
	}
	for { // it may still die of the run before
		f, err := l.current(ctx)
		if err != nil {
			return err
		}
		if f.it.Ready(ctx) == nil && l.follow(s, slow) == f {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("in vain: the program is ready")
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// close lets the program end, and asks for the scenario's end again: at once, or, where the program could not finish, after
// its next start.
func (l *lane[W, I]) close(ctx context.Context, stage *Stage[I], end func() (string, error), before string) error {
	if err := l.end(ctx); err != nil {
		return err
	}
	l.settle()
	soon, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	stage.until = soon
	if _, err := again(end, before); err == nil {
		return nil
	}
	stage.until = ctx
	if err := errors.Join(l.lapse(ctx), l.begin(nil)); err != nil {
		return err
	}
	_, err := again(end, before)
	return err
}

// follow makes the script count from now on, and returns the incarnation with which it does: nil while there is none.
func (l *lane[W, I]) follow(s *script, slow bool) *life[I] {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.script, l.starts, l.slow = s, 0, slow
	if l.now != nil {
		l.now.ports.follow(s)
	}
	return l.now
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
