package chaos

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"ordersaga.internal/infra/localstack"
	"ordersaga.internal/scripts/internal/stack"
)

// victim is a program or a server.
type victim interface {
	Process() *localstack.Process
	Start(ctx context.Context) error
}

// keeper starts its victim again whenever it ended, as every production platform does, and lends it to one fault at a
// time.
type keeper struct {
	name   string
	log    string // path of what the victim says
	victim victim
	died   func(name string, how error) // it ended, and no fault was meant to
	lent   chan struct{}                // holds one while a fault has it

	mu      sync.Mutex
	planned bool          // a fault ends it
	rest    time.Duration // how long it stays away then
}

func newKeeper(name, log string, v victim, died func(string, error)) *keeper {
	return &keeper{name: name, log: log, victim: v, died: died, lent: make(chan struct{}, 1)}
}

// lastWords is the last line of the victim's log.
func (k *keeper) lastWords() string {
	lines := strings.Split(strings.TrimSpace(stack.LastLines(k.log)), "\n")
	return lines[len(lines)-1]
}

// restart is the pause after an end that nobody planned.
const restart = 300 * time.Millisecond

// run keeps the victim running until ctx ends.
func (k *keeper) run(ctx context.Context) {
	for ctx.Err() == nil {
		p := k.victim.Process()
		select {
		case <-ctx.Done():
			return
		case <-p.Done():
		}
		k.mu.Lock()
		planned, rest := k.planned, k.rest
		k.planned = false
		k.mu.Unlock()
		if !planned {
			rest = restart
			how := p.Err()
			if how == nil {
				how = errors.New("exit status 0")
			}
			k.died(k.name, fmt.Errorf("%w: %s", how, k.lastWords()))
		}
		for wait(ctx, rest) {
			err := k.victim.Start(ctx)
			if err == nil {
				break
			}
			if ctx.Err() == nil {
				k.died(k.name, err)
			}
			rest = restart
		}
	}
}

// running tells whether the victim runs.
func (k *keeper) running() bool {
	select {
	case <-k.victim.Process().Done():
		return false
	default:
		return true
	}
}

// take lends the victim, where it runs and no other fault has it.
func (k *keeper) take() bool {
	select {
	case k.lent <- struct{}{}:
		if k.running() {
			return true
		}
		<-k.lent
	default:
	}
	return false
}

func (k *keeper) giveBack() { <-k.lent }

// plan says that a fault is about to end the victim, which then stays away for a while.
func (k *keeper) plan(rest time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.planned, k.rest = true, rest
}

// unplan takes plan back where the fault did not end it after all.
func (k *keeper) unplan() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.planned = false
}

// kill ends the victim and its children with SIGKILL and tells whether it was that which ended it.
func (k *keeper) kill(rest time.Duration) (bool, error) {
	p := k.victim.Process()
	k.plan(rest)
	if !k.running() {
		k.unplan()
		return false, nil
	}
	if err := p.Kill(); err != nil {
		return false, err
	}
	return endedBy(p.Err(), syscall.SIGKILL), nil
}

func endedBy(err error, s syscall.Signal) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == s
}

// stop ends the victim in its orderly way. The error says how it ended, where that was not as it should be.
func (k *keeper) stop(rest time.Duration, s syscall.Signal, grace time.Duration) (bool, error) {
	p := k.victim.Process()
	k.plan(rest)
	if !k.running() {
		k.unplan()
		return false, nil
	}
	p.Stop(s, grace)
	if err := p.Err(); err != nil {
		return true, fmt.Errorf("%s, asked to stop: %w: %s", k.name, err, k.lastWords())
	}
	return true, nil
}

// wait rests and returns false where ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
