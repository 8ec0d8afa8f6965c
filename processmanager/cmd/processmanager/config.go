package main

import "ordersaga.internal/infra/program"

// config is every setting of the program. The environment is read into it and nowhere else.
type config struct {
	program.Common

	AdminAddr string `env:"ADMIN_ADDR" envDefault:"127.0.0.1:9104" doc:"Where operators call, and where /livez, /readyz, /metrics and /version are."`
}
