// Package service puts the payment service together: the machine, and the callers beside it.
package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/services/payment/internal/caller"
	"ordersaga.internal/services/payment/internal/guard"
	"ordersaga.internal/services/payment/internal/hints"
	"ordersaga.internal/services/payment/internal/participant"
	"ordersaga.internal/services/payment/internal/payments"
	"ordersaga.internal/services/payment/internal/store"
)

// Config of a Service. Machine's Service and Topics are filled in.
type Config struct {
	Machine messaging.Config
	Guard   guard.Config
	Caller  caller.Config
	Hints   hints.Config
	Lease   time.Duration // of an intent, to the replica that committed or took it. Default 20 s.
}

// Service is one replica.
type Service struct {
	machine *messaging.Machine[*participant.Batch]
	caller  *caller.Caller
	hints   *hints.Reader
	leases  store.Leases
	deps    messaging.Deps
}

// New builds a replica over the provider. It connects to nothing yet.
func New(d messaging.Deps, provider payments.Provider, c Config) (*Service, error) {
	s := &Service{leases: store.Leases{Pool: d.Pool, Replica: c.Machine.Replica}, deps: d}
	c.Machine.Service, c.Machine.Topics = participant.Service, []string{contracts.PaymentCommands}
	c.Caller.Lease = c.Lease
	handler := participant.New(d.Codec, participant.Config{Replica: c.Machine.Replica, Lease: c.Lease},
		func(ops []payments.Operation) { s.caller.Offer(ops) })
	var err error
	if s.machine, err = messaging.New(d, handler, c.Machine); err != nil {
		return nil, err
	}
	guarded, err := guard.New(provider, d.Tracer, d.Metrics, c.Guard)
	if err != nil {
		return nil, err
	}
	s.caller, err = caller.New(caller.Deps{
		Provider: guarded, Leases: s.leases, Submit: s.machine.Submit, Log: d.Log, Metrics: d.Metrics,
	}, c.Caller)
	if err != nil {
		return nil, fmt.Errorf("callers: %w", err)
	}
	s.hints, err = hints.New(hints.Deps{
		Provider: guarded, Operations: s.leases, Submit: s.machine.Submit, Log: d.Log, Metrics: d.Metrics,
	}, c.Hints)
	if err != nil {
		return nil, fmt.Errorf("hints: %w", err)
	}
	return s, nil
}

// Hint follows what a webhook says; nil means that it need not be said again.
func (s *Service) Hint(ctx context.Context, h []payments.Hint) error { return s.hints.Take(ctx, h) }

// Run works until ctx ends. Then calls in flight end first, while their answers can still be committed; what was not called
// is left to other replicas.
func (s *Service) Run(ctx context.Context) error {
	machineCtx, stopMachine := context.WithCancel(context.WithoutCancel(ctx))
	defer stopMachine()
	callerCtx, stopCaller := context.WithCancel(ctx)
	defer stopCaller()
	var work errgroup.Group
	work.Go(func() error {
		defer stopCaller() // where the machine failed
		return s.machine.Run(machineCtx)
	})
	work.Go(func() error {
		defer stopMachine()
		s.caller.Run(callerCtx)
		return nil
	})
	err := work.Wait()
	releaseCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	return errors.Join(err, s.leases.Release(releaseCtx, time.Now().UTC()))
}

// Machine is what the admin port shows. It runs with the service.
func (s *Service) Machine() *messaging.Machine[*participant.Batch] { return s.machine }

// Ready returns nil once the machine is.
func (s *Service) Ready(ctx context.Context) error {
	return s.machine.Ready(ctx)
}
