package chaos

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
)

// stroke is one fault at work.
type stroke struct {
	*Chaos
	Fault

	opening context.Context //nolint:containedctx // within which it may still start
}

// start waits until enough orders are on their way, and counts the fault as started.
func (s stroke) start() error {
	if err := s.orders.AtLeast(s.opening, enough); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[s.Kind].Started++
	return nil
}

// fired counts a fault that really happened, and tells of it.
func (s stroke) fired(really bool, format string, args ...any) {
	if !really {
		s.say("%s of %s did not happen", s.Kind, fmt.Sprintf(format, args...))
		return
	}
	s.mu.Lock()
	s.counts[s.Kind].Fired++
	s.mu.Unlock()
	s.say("%-16s %s", s.Kind, fmt.Sprintf(format, args...))
}

// note keeps something that people should look at.
func (x *Chaos) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	x.say("NOTE %s", text)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.notes = append(x.notes, text)
}

// notReachable is the exit code of a program that found its database or broker away when it started. To be started again
// is all it needs.
const notReachable = 3

// died is told of a victim that ended though no fault was meant to end it.
func (x *Chaos) died(name string, how error) {
	var exit *exec.ExitError
	if errors.As(how, &exit) && exit.ExitCode() == notReachable {
		x.say("%s found nothing to work with and is started again", name)
		return
	}
	x.note("%s ended by itself: %v", name, how)
}

// Counts returns what was counted, in the order of Kinds.
func (x *Chaos) Counts() []Count {
	x.mu.Lock()
	defer x.mu.Unlock()
	var out []Count
	for _, k := range Kinds() {
		if c := x.counts[k]; c != nil {
			out = append(out, *c)
		}
	}
	return out
}

// Notes returns what people should look at.
func (x *Chaos) Notes() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return append([]string(nil), x.notes...)
}
