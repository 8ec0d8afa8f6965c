package chaos

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"ordersaga.internal/scripts/internal/stack"
)

// extra is one more replica of a service, which comes and goes.
type extra struct {
	*stack.Program

	lent chan struct{}
}

func (x *Chaos) layExtras() error {
	for _, svc := range stack.Services() {
		if !svc.Replicated() {
			continue
		}
		p, err := x.stack.Extra(svc)
		if err != nil {
			return fmt.Errorf("one more %s: %w", svc.Name, err)
		}
		x.extras[svc.Name] = &extra{p, make(chan struct{}, 1)}
	}
	return nil
}

// rebalance lets one more replica join its group, which takes partitions from all others, and leave again.
func (s stroke) rebalance(ctx context.Context) error {
	var services []stack.Service
	for _, svc := range stack.Services() {
		if svc.Replicated() {
			services = append(services, svc)
		}
	}
	e := s.extras[services[s.Pick%uint64(len(services))].Name]
	select {
	case e.lent <- struct{}{}:
	case <-s.opening.Done():
		return s.opening.Err()
	}
	defer func() { <-e.lent }()
	if err := s.start(); err != nil {
		return err
	}
	if err := e.Start(); err != nil {
		return err
	}
	defer e.Process().Stop(syscall.SIGTERM, drain)
	begin := time.Now()
	joined := s.joins(ctx, e)
	if joined {
		wait(ctx, s.Lasts)
	}
	s.fired(joined, "%s, which joined within %.1f s", e.Name(), time.Since(begin).Seconds()-s.Lasts.Seconds())
	return nil
}

// joins waits until the replica is ready, which it is only as a member of its group. It may end instead, where it finds
// its database or broker away.
func (s stroke) joins(ctx context.Context, e *extra) bool {
	ctx, cancel := context.WithTimeout(ctx, 25*time.Second)
	defer cancel()
	for e.Ready(ctx) != nil {
		select {
		case <-e.Process().Done():
			return false
		default:
		}
		if !wait(ctx, 50*time.Millisecond) {
			return false
		}
	}
	return true
}
