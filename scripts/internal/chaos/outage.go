package chaos

import (
	"context"
	"fmt"
	"time"

	"ordersaga.internal/scripts/internal/stack"
)

// outage kills every replica of a service and keeps them away for longer than a step's deadline. While it is the process
// manager that is away, no order may be given up for it; while it is a participant, orders are, and are undone.
func (s stroke) outage(ctx context.Context) error {
	var services []string
	for _, svc := range stack.Services() {
		if svc.Replicated() {
			services = append(services, svc.Name)
		}
	}
	service := services[s.Pick%uint64(len(services))]
	select { // or one more replica would do the work
	case s.extras[service].lent <- struct{}{}:
	case <-s.opening.Done():
		return s.opening.Err()
	}
	defer func() { <-s.extras[service].lent }()
	for _, k := range s.programs {
		if p, ok := k.victim.(program); ok && p.Service.Name == service {
			k, err := s.claim([]*keeper{k})
			if err != nil {
				return err
			}
			defer k.giveBack()
		}
	}
	if err := s.start(); err != nil {
		return err
	}
	moving, begin := s.orders.Moving(), time.Now()
	really := true
	for _, k := range s.programs {
		if p, ok := k.victim.(program); ok && p.Service.Name == service {
			killed, err := k.kill(s.Lasts)
			if err != nil {
				return fmt.Errorf("%s: %w", k.name, err)
			}
			really = really && killed
		}
	}
	really = really && wait(ctx, time.Until(begin.Add(s.Lasts)))
	s.fired(really, "%s for %.0f s with %d orders on their way", service, s.Lasts.Seconds(), moving)
	return nil
}
