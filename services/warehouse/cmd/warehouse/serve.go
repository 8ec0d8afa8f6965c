package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-chi/chi/v5"

	"ordersaga.internal/contracts"
	"ordersaga.internal/contracts/openapi"
	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/messaging/trail"
	"ordersaga.internal/infra/program"
	"ordersaga.internal/services/warehouse/internal/httpapi"
	"ordersaga.internal/services/warehouse/internal/participant"
	"ordersaga.internal/services/warehouse/internal/store"
)

// serve runs the warehouse until ctx ends: first no more requests, then the machine, which still commits what they
// submitted, last what tells how things are.
func serve(ctx context.Context, c config) error {
	parts, err := c.Open(ctx, participant.Service)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	defer parts.Close(ctx)
	topics := append(messaging.DeadLetterTopics(participant.Topics()...), participant.Topics()...)
	topics = append(topics, contracts.WarehouseEvents)
	if err := parts.Check(ctx, topics, contracts.Partitions, schemas()...); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	codec := contracts.NewRegistry()
	handler, err := participant.New(codec, parts.Telemetry.Registry)
	if err != nil {
		return err
	}
	machine, err := messaging.New(parts.Deps(codec), handler,
		c.Machine(participant.Service, participant.Topics(), contracts.Partitions))
	if err != nil {
		return fmt.Errorf("machine: %w", err)
	}
	api, admin, err := listen(ctx, c, parts, machine)
	if err != nil {
		return err
	}
	parts.Telemetry.Log.InfoContext(ctx, "serving", "http", api.Addr(), "admin", admin.Addr(), "replica", c.Replica)
	return program.Together(ctx, api.Run, machine.Run, admin.Run)
}

func listen(
	ctx context.Context, c config, parts *program.Parts, machine *messaging.Machine[*participant.Batch],
) (api, admin *httpserver.Server, err error) {
	log := parts.Telemetry.Log
	routes, err := httpapi.New(parts.Auth, httpapi.Deps{Machine: machine, Stock: store.Reader{Pool: parts.Pool}, Log: log})
	if err != nil {
		return nil, nil, err
	}
	api, err = parts.Server(c.HTTPAddr, routes)
	if err != nil {
		return nil, nil, fmt.Errorf("warehouse API: %w", err)
	}
	operators, err := trails(parts)
	if err != nil {
		return nil, nil, errors.Join(err, api.Close())
	}
	if admin, err = parts.AdminPort(ctx, c.AdminAddr, machine, operators); err != nil {
		return nil, nil, errors.Join(err, api.Close())
	}
	return api, admin, nil
}

// trails tell operators what the warehouse knows of an order.
func trails(parts *program.Parts) (func(chi.Router), error) {
	document, err := openapi.Document("trail")
	if err != nil {
		return nil, err
	}
	return trail.Routes(trail.Config{
		Service: participant.Service, Partitions: contracts.Partitions, Document: document, Pool: parts.Pool, Log: parts.Telemetry.Log,
		Tables: []trail.Own{{Name: "holds", SQL: store.TrailSQL}},
	})
}
