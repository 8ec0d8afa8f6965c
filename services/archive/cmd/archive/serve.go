package main

import (
	"context"
	"fmt"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/infra/program"
	"ordersaga.internal/services/archive/internal/admin"
	"ordersaga.internal/services/archive/internal/archiver"
	"ordersaga.internal/services/archive/internal/store"
	"ordersaga.internal/services/archive/internal/verify"
)

// serve archives until ctx ends.
func serve(ctx context.Context, c config) error {
	parts, err := c.Open(ctx, service)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	defer parts.Close(ctx)
	if err := parts.Check(ctx, contracts.Topics(), contracts.Partitions, schemas()...); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	work, err := archiver.New(
		archiver.Deps{Pool: parts.Pool, Kafka: parts.Kafka, Log: parts.Telemetry.Log, Metrics: parts.Telemetry.Registry},
		archiver.Config{
			Service: service, Topics: contracts.Topics(), TopicPrefix: c.KafkaTopicPrefix, Partitions: contracts.Partitions,
			Replica: c.Replica, Consumers: c.Workers, BatchSize: c.BatchSize,
		})
	if err != nil {
		return err
	}
	routes, err := admin.New(admin.Deps{
		DB: parts.Pool, Topics: contracts.Topics(), Partitions: contracts.Partitions, Log: parts.Telemetry.Log,
		Verify: func(ctx context.Context, at store.Place, after verify.Cursor, limit int) (*verify.Report, *verify.Cursor, error) {
			return verify.Part(ctx, verify.Deps{Pool: parts.Pool, Kafka: parts.Kafka}, verify.Config{TopicPrefix: c.KafkaTopicPrefix}, at, after, limit)
		},
	}).Routes()
	if err != nil {
		return fmt.Errorf("admin port: %w", err)
	}
	port, err := parts.Server(c.AdminAddr, httpserver.Admin(httpserver.AdminConfig{
		Telemetry: parts.Telemetry, Stopping: ctx.Done(), Auth: parts.Auth, Routes: routes,
		Ready: map[string]func(context.Context) error{"archiver": work.Ready},
	}))
	if err != nil {
		return fmt.Errorf("admin port: %w", err)
	}
	parts.Telemetry.Log.InfoContext(ctx, "serving", "admin", port.Addr(), "replica", c.Replica)
	return program.Together(ctx, work.Run, work.Upkeep, port.Run)
}
