// Command order is the order service: customers place, follow and cancel orders over HTTP; the process manager completes,
// rejects and cancels them over Kafka.
package main

import (
	"context"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/program"
	"ordersaga.internal/services/order/migrations"
)

// The machine's tables, then our own.
var schemas = []program.Schema{
	{Table: messaging.MigrationsTable, FS: messaging.Migrations},
	{Table: migrations.Table, FS: migrations.FS},
}

func main() {
	program.Main(program.Spec[config]{
		Name:    "order",
		Short:   "Takes orders over HTTP and brings each to its one outcome",
		Example: "  order migrate && order --http-addr 127.0.0.1:8080",
		Serve:   serve,
		Migrate: func(ctx context.Context, c config) error { return c.Common.Migrate(ctx, "orders_run", schemas...) },
	})
}
