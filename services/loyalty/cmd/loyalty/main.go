// Command loyalty gives customers points for orders that completed. It only listens.
package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/go-chi/chi/v5"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/program"
	"ordersaga.internal/services/loyalty/internal/points"
	"ordersaga.internal/services/loyalty/migrations"
)

type config struct {
	program.Common

	AdminAddr string `env:"ADMIN_ADDR" envDefault:"127.0.0.1:9108" doc:"Where /livez, /readyz, /metrics, /version and /admin/v1 are."`
}

func main() {
	program.Main(program.Spec[config]{
		Name: points.Service, Short: "Gives points for orders that completed",
		Example: "  loyalty migrate && loyalty --admin-addr 127.0.0.1:9108",
		Serve:   serve,
		Migrate: func(ctx context.Context, c config) error { return c.Common.Migrate(ctx, "loyalty_run", schemas()...) },
	})
}

// schemas are the machine's tables, then our own.
func schemas() []program.Schema {
	return []program.Schema{
		{Table: messaging.MigrationsTable, FS: messaging.Migrations},
		{Table: migrations.Table, FS: migrations.FS},
	}
}

func serve(ctx context.Context, c config) error {
	parts, err := c.Open(ctx, points.Service)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	defer parts.Close(ctx)
	topics := append(messaging.DeadLetterTopics(points.Topics()...), points.Topics()...)
	if err := parts.Check(ctx, topics, contracts.Partitions, schemas()...); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	machine, err := messaging.New(parts.Deps(contracts.NewRegistry()), points.Handler{},
		c.Machine(points.Service, points.Topics(), contracts.Partitions))
	if err != nil {
		return fmt.Errorf("machine: %w", err)
	}
	admin, err := parts.AdminPort(ctx, c.AdminAddr, machine, func(r chi.Router) { r.Get("/points/{customer}", balance(parts)) })
	if err != nil {
		return err
	}
	parts.Telemetry.Log.InfoContext(ctx, "serving", "admin", admin.Addr(), "replica", c.Replica)
	return program.Together(ctx, machine.Run, admin.Run)
}

// balance answers what a customer has earned. Nobody has more than nothing until an order completes.
func balance(parts *program.Parts) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var earned int64
		err := parts.Pool.QueryRow(r.Context(), `SELECT coalesce(sum(points), 0)::bigint FROM points WHERE customer_id = $1 AND earned`,
			chi.URLParam(r, "customer")).Scan(&earned)
		if err != nil {
			parts.Telemetry.Log.ErrorContext(r.Context(), "balance", "error", err.Error())
			httpserver.WriteError(w, r, err)
			return
		}
		httpserver.WriteJSON(w, r, http.StatusOK, map[string]int64{"points": earned})
	}
}
