package main

import (
	"context"
	"fmt"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/program"
	"ordersaga.internal/services/order/internal/viewfeed"
	"ordersaga.internal/services/order/internal/viewstore"
)

// serve runs the consumer until ctx ends.
func serve(ctx context.Context, c config) error {
	s, err := newService(ctx, c)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	defer s.parts.Close(ctx)
	s.parts.Telemetry.Log.InfoContext(ctx, "serving", "admin", s.admin.Addr(), "replica", c.Replica)
	return s.run(ctx)
}

// service is everything that runs in this process.
type service struct {
	parts   *program.Parts
	machine *messaging.Machine[*viewfeed.Batch]
	lag     *viewstore.Lag
	admin   *httpserver.Server
}

func newService(ctx context.Context, c config) (_ *service, err error) {
	s := &service{}
	if s.parts, err = c.Open(ctx, group); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.parts.Close(ctx)
		}
	}()
	topics := append(messaging.DeadLetterTopics(contracts.EventTopics()...), contracts.EventTopics()...)
	if err := s.parts.Check(ctx, topics, contracts.Partitions, schemas...); err != nil {
		return nil, err
	}
	s.machine, err = messaging.New(s.parts.Deps(contracts.NewRegistry()), viewfeed.Handler{},
		c.Machine(group, contracts.EventTopics(), contracts.Partitions)) // its relay sends copies of dead letters, and nothing else
	if err != nil {
		return nil, err
	}
	if s.lag, err = viewstore.NewLag(s.parts.Pool, s.parts.Telemetry.Registry); err != nil {
		return nil, err
	}
	s.admin, err = s.parts.AdminPort(ctx, c.AdminAddr, s.machine, nil)
	return s, err
}

func (s *service) run(ctx context.Context) error {
	return program.Together(ctx,
		s.machine.Run,
		func(ctx context.Context) error { return s.lag.Run(ctx, s.parts.Telemetry.Log) },
		s.admin.Run,
	)
}
