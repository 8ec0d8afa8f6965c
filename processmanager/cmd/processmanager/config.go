package main

import (
	"errors"

	"ordersaga.internal/infra/program"
	"ordersaga.internal/processmanager/internal/runner"
)

// config is every setting of the program. The environment is read into it and nowhere else.
type config struct {
	program.Common

	AdminAddr string `env:"ADMIN_ADDR" envDefault:"127.0.0.1:9104" doc:"Where operators call, and where /livez, /readyz, /metrics and /version are."`

	StormShare float64 `env:"DEADLINE_STORM_SHARE" envDefault:"0.2" doc:"Share of a step's instances in flight without an answer in time above which none is undone for it; 1: never."`
	StormLeast int     `env:"DEADLINE_STORM_LEAST" envDefault:"20" doc:"Fewest instances without an answer in time that are a deadline storm, whatever their share."`
}

// Validate finds what the program could not work with.
func (c config) Validate() error {
	return errors.Join(c.Common.Validate(), c.storm().Validate())
}

func (c config) storm() runner.StormLimit {
	return runner.StormLimit{Share: c.StormShare, Least: c.StormLeast}
}
