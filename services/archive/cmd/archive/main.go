// Command archive is the data lake: it keeps every message of the contract's topics as it was in Kafka, proves that it
// does, and finds messages again.
package main

import (
	"context"
	"fmt"
	"io"

	"ordersaga.internal/infra/program"
	"ordersaga.internal/services/archive/migrations"
)

const service = "archive"

func schemas() []program.Schema {
	return []program.Schema{{Table: migrations.Table, FS: migrations.FS}}
}

func main() { program.Main(spec()) }

func spec() program.Spec[config] {
	return program.Spec[config]{
		Name:  service,
		Short: "Keeps every message as it was in Kafka",
		Example: "  archive migrate && archive --admin-addr 127.0.0.1:9105\n  archive verify --verify-wait 10s\n  archive retain --retention-days 400\n" +
			"  archive resume --resume-topic order.events --resume-partition 3 --resume-offset 0 --resume-reason 'the topic was made again'",
		Serve:   serve,
		Migrate: migrate,
		Commands: []program.Command[config]{
			{Name: "verify", Short: "Hold the archive against its hash chains and against Kafka", Do: verifyAll},
			{Name: "retain", Short: "Give up old days, as the owner of the schema", Do: retain},
			{Name: "resume", Short: "Say how a stopped partition goes on", Do: resume},
		},
	}
}

func migrate(ctx context.Context, c config) error {
	role, err := c.RunRole("archive_run")
	if err != nil {
		return err
	}
	return migrations.Migrate(ctx, c.DatabaseOwnerURL, role)
}

// say prints for people: a closed terminal is no error.
func say(out io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(out, format+"\n", args...) }
