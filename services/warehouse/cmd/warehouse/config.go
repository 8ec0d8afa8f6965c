package main

import "ordersaga.internal/infra/program"

// config is every setting of the program.
type config struct {
	program.Common

	HTTPAddr  string `env:"HTTP_ADDR" envDefault:"127.0.0.1:8081" doc:"Where operators call."`
	AdminAddr string `env:"ADMIN_ADDR" envDefault:"127.0.0.1:9103" doc:"Where /livez, /readyz, /metrics and /version are."`
}
