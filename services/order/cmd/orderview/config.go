package main

import "ordersaga.internal/infra/program"

// config is every setting of the program. The environment is read into it and nowhere else.
type config struct {
	program.Common

	AdminAddr string `env:"ADMIN_ADDR" envDefault:"127.0.0.1:9107" doc:"Where /livez, /readyz, /metrics and /version are."`

	ArchiveURL string `env:"DATABASE_ARCHIVE_URL" doc:"PostgreSQL URL of a role that reads the archive; for rebuild --from archive."`
}
