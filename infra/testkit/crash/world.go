package crash

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Incarnation is one life of a program, on ports of its own.
type Incarnation interface {
	// Run works until ctx ends, then ends as the program does at SIGTERM.
	Run(ctx context.Context) error
	// Ready returns nil once it works.
	Ready(ctx context.Context) error
	// Close frees what is left after Run.
	Close()
}

// World is what no crash touches: a database, a broker, and everybody outside the program.
type World[I Incarnation] interface {
	// Start builds an incarnation as the program's main does. Whatever that reaches of the world, it reaches through the
	// ports. It may fail where they do: then it is started again, as a supervisor would.
	Start(p *Ports) (I, error)
	// Lapse lets those leases of a dead incarnation run out for which the next would only wait.
	Lapse(ctx context.Context) error
}

// Scenario is a story that must end well whatever happens to the program meanwhile.
type Scenario[W World[I], I Incarnation] struct {
	Name string
	// Whole: from the program's start to its ordinary end, so that those are points, too. Else it is ready when the story
	// begins, and runs on.
	Whole bool
	// Most, where above 0, is how many points of a kind are enough: the later turns of an idle loop are like the first.
	Most int
	// Play acts the outside's part, which never crashes but repeats what got no answer. It returns the end: what waits for
	// the clean end and tells what came of it, in words that are the same each time. The end may be asked for again.
	Play func(w W, s *Stage[I]) (end func() (string, error), err error)
}

// Stage is where one run of a scenario is played.
type Stage[I Incarnation] struct {
	lane  liver[I]
	until context.Context //nolint:containedctx // the run's
}

// liver is who keeps the program alive.
type liver[I Incarnation] interface {
	alive() (I, context.Context, bool)
	trouble() error
}

// Context ends when the run's patience does.
func (s *Stage[I]) Context() context.Context { return s.until }

// Await waits until cond holds. An error of cond, or the end of the program without a fault, ends the wait.
func (s *Stage[I]) Await(what string, cond func() (bool, error)) error {
	pause := 2 * time.Millisecond
	for {
		ok, err := cond()
		if err == nil && !ok {
			err = s.lane.trouble()
		}
		if s.until.Err() != nil && !ok { // what was asked last may have been cut off
			return fmt.Errorf("in vain: %s", what)
		}
		if err != nil {
			return fmt.Errorf("waiting for %s: %w", what, err)
		}
		if ok {
			return nil
		}
		select {
		case <-s.until.Done():
			return fmt.Errorf("in vain: %s", what)
		case <-time.After(pause):
		}
		pause = min(2*pause, 20*time.Millisecond)
	}
}

// Try repeats what the outside asks of the program until an incarnation answers it. ctx ends with the incarnation that is
// asked.
func (s *Stage[I]) Try(what string, ask func(ctx context.Context, it I) error) error {
	var last error
	err := s.Await(what, func() (bool, error) {
		it, dead, ok := s.lane.alive()
		if !ok {
			return false, nil
		}
		ctx, cancel := context.WithCancel(s.until)
		defer cancel()
		defer context.AfterFunc(dead, cancel)()
		last = ask(ctx, it)
		return last == nil, nil
	})
	return errors.Join(err, last)
}
