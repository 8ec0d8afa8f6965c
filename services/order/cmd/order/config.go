package main

import (
	"errors"

	"ordersaga.internal/infra/program"
)

// config is every setting of the program. The environment is read into it and nowhere else.
type config struct {
	program.Common

	HTTPAddr    string `env:"HTTP_ADDR" envDefault:"127.0.0.1:8080" doc:"Where customers call."`
	AdminAddr   string `env:"ADMIN_ADDR" envDefault:"127.0.0.1:9101" doc:"Where /livez, /readyz, /metrics and /version are."`
	OutboxLimit int    `env:"OUTBOX_LIMIT" envDefault:"100000" doc:"Messages waiting for the broker at which no more orders are taken."`
}

// Validate finds what the program could not work with.
func (c config) Validate() error {
	var limit error
	if c.OutboxLimit < 1 {
		limit = errors.New("OUTBOX_LIMIT must be at least 1")
	}
	return errors.Join(c.Common.Validate(), limit)
}
