package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/go-chi/chi/v5"

	"ordersaga.internal/contracts"
	"ordersaga.internal/contracts/openapi"
	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/messaging/trail"
	"ordersaga.internal/infra/program"
	"ordersaga.internal/processmanager/internal/admin"
	"ordersaga.internal/processmanager/internal/fulfilment"
	"ordersaga.internal/processmanager/internal/recorded"
	"ordersaga.internal/processmanager/internal/runner"
	"ordersaga.internal/processmanager/internal/shadow"
	"ordersaga.internal/processmanager/saga"
)

const service = "processmanager"

// topics are those that the program reads or writes.
func topics() []string {
	return slices.Concat(contracts.Topics(), messaging.DeadLetterTopics(contracts.EventTopics()...), []string{messaging.InternalTopic(service)})
}

// serve runs the process manager until ctx ends.
func serve(ctx context.Context, c config, versions *saga.Set) error {
	parts, err := c.Open(ctx, service)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	defer parts.Close(ctx)
	if err := parts.Check(ctx, topics(), contracts.Partitions, schemas()...); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	handler, err := runner.New(runner.Deps{
		Versions: versions, Customer: customer, Log: parts.Telemetry.Log, Metrics: parts.Telemetry.Registry,
	}, runner.Config{Storm: c.storm()})
	if err != nil {
		return fmt.Errorf("runner: %w", err)
	}
	if err := handler.Prepare(ctx, parts.Pool); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	machine, err := messaging.New(parts.Deps(contracts.NewRegistry()), handler,
		c.Machine(service, contracts.EventTopics(), contracts.Partitions))
	if err != nil {
		return fmt.Errorf("machine: %w", err)
	}
	port, err := adminPort(ctx, c, parts, machine, versions)
	if err != nil {
		return err
	}
	parts.Telemetry.Log.InfoContext(ctx, "serving", "admin", port.Addr(), "replica", c.Replica)
	return program.Together(ctx,
		machine.Run,
		func(ctx context.Context) error { return handler.Upkeep(ctx, parts.Pool) },
		port.Run)
}

func adminPort(ctx context.Context, c config, parts *program.Parts, machine *messaging.Machine[*runner.Batch], versions *saga.Set,
) (*httpserver.Server, error) {
	instances, err := admin.New(admin.Deps{
		Machine: machine, DB: parts.Pool, Definitions: versions.Outlines(), Log: parts.Telemetry.Log,
		Diff: func(ctx context.Context, w recorded.Wanted, to shadow.Version) (shadow.Report, error) {
			return compare(ctx, c, versions, w, to)
		},
	}).Routes()
	if err != nil {
		return nil, fmt.Errorf("admin port: %w", err)
	}
	document, err := openapi.Document("trail")
	if err != nil {
		return nil, fmt.Errorf("admin port: %w", err)
	}
	trails, err := trail.Routes(trail.Config{
		Service: service, Partitions: contracts.Partitions, Document: document, Pool: parts.Pool, Log: parts.Telemetry.Log,
	})
	if err != nil {
		return nil, fmt.Errorf("admin port: %w", err)
	}
	routes := func(r chi.Router) {
		trails(r)
		instances(r) // takes every other path
	}
	return parts.AdminPort(ctx, c.AdminAddr, machine, routes)
}

// customer is whose order the data of an instance is of.
func customer(data any) string {
	if order, ok := data.(fulfilment.Order); ok {
		return order.CustomerID
	}
	return ""
}
