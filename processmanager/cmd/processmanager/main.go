// Command processmanager keeps one saga instance for each order: it turns events into commands, undoes what must be undone,
// and tells operators why an order is where it is.
package main

import (
	"context"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/program"
	"ordersaga.internal/processmanager/internal/fulfilment"
	"ordersaga.internal/processmanager/migrations"
	"ordersaga.internal/processmanager/saga"
)

// schemas are the machine's tables, then our own.
func schemas() []program.Schema {
	return []program.Schema{
		{Table: messaging.MigrationsTable, FS: messaging.Migrations},
		{Table: migrations.Table, FS: migrations.FS},
	}
}

// spec is the program with the versions of the saga that it holds.
func spec(versions *saga.Set) program.Spec[config] {
	return program.Spec[config]{
		Name:     "processmanager",
		Short:    "Brings every order to its one outcome, or undoes it",
		Example:  "  processmanager migrate && processmanager --admin-addr 127.0.0.1:9104",
		Serve:    func(ctx context.Context, c config) error { return serve(ctx, c, versions) },
		Commands: []program.Command[config]{definitionCommand(versions)},
		Migrate:  func(ctx context.Context, c config) error { return c.Migrate(ctx, "processmanager_run", schemas()...) },
	}
}

func main() { program.Main(spec(fulfilment.Versions())) }
