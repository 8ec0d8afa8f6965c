// Command payment holds, takes and gives back the money of orders, by a payment provider.
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
	"ordersaga.internal/services/payment/internal/caller"
	"ordersaga.internal/services/payment/internal/guard"
	"ordersaga.internal/services/payment/internal/participant"
	"ordersaga.internal/services/payment/internal/service"
	"ordersaga.internal/services/payment/internal/store"
	"ordersaga.internal/services/payment/internal/webhook"
	"ordersaga.internal/services/payment/migrations"
)

func main() {
	program.Main(program.Spec[config]{
		Name: participant.Service, Short: "Hold, take and give back the money of orders",
		Example: "  payment --provider-url http://127.0.0.1:8085 --replica 2",
		Serve:   serve, Migrate: migrate,
	})
}

// schemas are the migrations, in order.
func schemas() []program.Schema {
	return []program.Schema{
		{Table: messaging.MigrationsTable, FS: messaging.Migrations},
		{Table: migrations.Table, FS: migrations.FS},
	}
}

func migrate(ctx context.Context, c config) error {
	return c.Migrate(ctx, "payments_run", schemas()...)
}

func serve(ctx context.Context, c config) error {
	at, err := c.provider()
	if err != nil {
		return program.Usage(err)
	}
	defer at.closeIdle()
	parts, err := c.Open(ctx, participant.Service)
	if err != nil {
		return err
	}
	defer parts.Close(ctx)
	topics := []string{contracts.PaymentCommands, contracts.PaymentEvents}
	checked := append(messaging.DeadLetterTopics(contracts.PaymentCommands), topics...)
	if err := parts.Check(ctx, checked, contracts.Partitions, schemas()...); err != nil {
		return err
	}
	replica, err := service.New(parts.Deps(contracts.NewRegistry()), at, service.Config{
		Machine: c.Machine(participant.Service, topics[:1], contracts.Partitions),
		Guard:   guard.Config{Timeout: c.ProviderTimeout, Rate: c.ProviderRate},
		Caller:  caller.Config{Concurrency: c.ProviderCalls},
		Lease:   c.OperationLease,
	})
	if err != nil {
		return err
	}
	routes, err := trails(parts)
	if err != nil {
		return fmt.Errorf("admin port: %w", err)
	}
	admin, err := parts.AdminPort(ctx, c.AdminAddr, replica.Machine(), routes)
	if err != nil {
		return err
	}
	components := []func(context.Context) error{replica.Run, admin.Run}
	if len(c.WebhookSecrets) > 0 {
		webhooks, err := takeWebhooks(c, parts, at.webhooks, replica)
		if err != nil {
			return errors.Join(err, admin.Close())
		}
		components = append([]func(context.Context) error{webhooks.Run}, components...)
	}
	parts.Telemetry.Log.Info("payment runs", "replica", c.Replica, "admin", admin.Addr(), "provider", c.Provider)
	return program.Together(ctx, components...)
}

// trails tell operators what the service knows of an order.
func trails(parts *program.Parts) (func(chi.Router), error) {
	document, err := openapi.Document("trail")
	if err != nil {
		return nil, err
	}
	return trail.Routes(trail.Config{
		Service: participant.Service, Partitions: contracts.Partitions, Document: document, Pool: parts.Pool, Log: parts.Telemetry.Log,
		Tables: []trail.Own{{Name: "operation", SQL: store.TrailSQL}},
	})
}

// takeWebhooks listens for the provider's webhooks.
func takeWebhooks(c config, parts *program.Parts, format webhook.Format, replica *service.Service) (*httpserver.Server, error) {
	handler, err := webhook.New(webhook.Config{
		Format: format, Secrets: c.WebhookSecrets, Take: replica.Hint,
		Log: parts.Telemetry.Log, Metrics: parts.Telemetry.Registry,
	})
	if err != nil {
		return nil, err
	}
	server, err := parts.Server(c.HTTPAddr, handler)
	if err != nil {
		return nil, fmt.Errorf("webhook port: %w", err)
	}
	return server, nil
}
