package main

import (
	"context"
	"fmt"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/program"
	"ordersaga.internal/processmanager/internal/admin"
	"ordersaga.internal/processmanager/internal/fulfilment"
	"ordersaga.internal/processmanager/internal/runner"
	"ordersaga.internal/processmanager/saga"
)

const service = "processmanager"

// topics are those that the program reads or writes.
func topics() []string { return append(contracts.Topics(), messaging.InternalTopic(service)) }

// serve runs the process manager until ctx ends.
func serve(ctx context.Context, c config) error {
	parts, err := c.Open(ctx, service)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	defer parts.Close(ctx)
	if err := parts.Check(ctx, topics(), contracts.Partitions, schemas()...); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	handler, err := runner.New(runner.Deps{
		Versions: fulfilment.Versions(), Customer: customer, Log: parts.Telemetry.Log, Metrics: parts.Telemetry.Registry,
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
	port, err := adminPort(ctx, c, parts, machine)
	if err != nil {
		return fmt.Errorf("admin port: %w", err)
	}
	parts.Telemetry.Log.InfoContext(ctx, "serving", "admin", port.Addr(), "replica", c.Replica)
	return program.Together(ctx,
		machine.Run,
		func(ctx context.Context) error { return handler.Upkeep(ctx, parts.Pool) },
		port.Run)
}

func adminPort(ctx context.Context, c config, parts *program.Parts, machine *messaging.Machine[*runner.Batch]) (*httpserver.Server, error) {
	routes, err := admin.New(admin.Deps{
		Machine: machine, DB: parts.Pool, Definitions: definitions(), Log: parts.Telemetry.Log,
	}).Routes()
	if err != nil {
		return nil, err
	}
	return parts.Server(c.AdminAddr, httpserver.Admin(httpserver.AdminConfig{
		Telemetry: parts.Telemetry, Stopping: ctx.Done(), Auth: parts.Auth, Routes: routes,
		Ready: map[string]func(context.Context) error{"machine": machine.Ready},
	}))
}

// customer is whose order the data of an instance is of.
func customer(data any) string {
	if order, ok := data.(fulfilment.Order); ok {
		return order.CustomerID
	}
	return ""
}

// definitions describes the versions in flight to operators, the newest first.
func definitions() []admin.Definition {
	return []admin.Definition{describe(fulfilment.V1)}
}

func describe[D any](d *saga.Definition[D]) admin.Definition {
	out := admin.Definition{Name: d.Name, Version: d.Version, Mermaid: saga.Diagram(d)}
	for _, step := range d.Steps {
		out.Steps = append(out.Steps, step.Name)
	}
	return out
}
