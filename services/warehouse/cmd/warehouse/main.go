// Command warehouse is the warehouse: it reserves, releases and dispatches stock as the saga asks over Kafka, and takes
// receipts and reports of damage over HTTP.
package main

import (
	"context"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/program"
	"ordersaga.internal/services/warehouse/internal/participant"
	"ordersaga.internal/services/warehouse/migrations"
)

func main() {
	program.Main(program.Spec[config]{
		Name:    participant.Service,
		Short:   "Reserves, releases and dispatches stock",
		Example: "  warehouse migrate && warehouse --http-addr 127.0.0.1:8081",
		Serve:   serve,
		Migrate: func(ctx context.Context, c config) error { return c.Common.Migrate(ctx, "warehouse_run", schemas()...) },
	})
}

// schemas are the machine's tables, then our own.
func schemas() []program.Schema {
	return []program.Schema{
		{Table: messaging.MigrationsTable, FS: messaging.Migrations},
		{Table: migrations.Table, FS: migrations.FS},
	}
}
