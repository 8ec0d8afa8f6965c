// Command orderview keeps the read model of orders in its own database, from all services' events; and makes it anew beside
// the live one. It sends nothing.
package main

import (
	"context"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/program"
	"ordersaga.internal/services/order/migrations/orderview"
)

// The machine's tables, then our own.
var schemas = []program.Schema{
	{Table: messaging.MigrationsTable, FS: messaging.Migrations},
	{Table: orderview.Table, FS: orderview.FS},
}

// group of the consumer.
const group = "orderview"

func main() {
	var r rebuildFlags
	program.Main(program.Spec[config]{
		Name:     "orderview",
		Short:    "Keeps the read model of orders",
		Example:  "  orderview migrate && orderview\n  orderview rebuild --from kafka",
		Serve:    serve,
		Migrate:  func(ctx context.Context, c config) error { return c.Common.Migrate(ctx, "orderview_run", schemas...) },
		Commands: []program.Command[config]{{Name: "rebuild", Short: rebuildShort, Flags: r.define, Do: r.run}},
	})
}
