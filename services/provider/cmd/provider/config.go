package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/caarlos0/env/v11"
)

// config is every setting of the program.
type config struct {
	HTTPAddr string        `env:"HTTP_ADDR" envDefault:"127.0.0.1:8085" doc:"where the provider listens, with /livez, /readyz and /metrics"`
	DataDir  string        `env:"DATA_DIR" envDefault:".data/provider" doc:"folder of the ledger"`
	APIKey   string        `env:"API_KEY" doc:"what callers show as a bearer token; required"`
	Hold     time.Duration `env:"HOLD" envDefault:"30s" doc:"how long a request that gets no answer is kept open"`

	WebhookURL    []string      `env:"WEBHOOK_URL" doc:"where webhooks go: of one receiver's replicas, with commas; none: no webhooks"`
	WebhookSecret []string      `env:"WEBHOOK_SECRET" doc:"what webhooks are signed with; two, with commas, while it changes"`
	WebhookEvery  time.Duration `env:"WEBHOOK_EVERY" envDefault:"100ms" doc:"how long entries gather into one webhook"`

	GOGC     int    `env:"GOGC" envDefault:"400" doc:"garbage collector's target, as in Go"`
	LogLevel string `env:"LOG_LEVEL" envDefault:"info" doc:"debug, info, warn or error"`
}

func readConfig() (config, error) {
	c, err := env.ParseAs[config]()
	if err != nil {
		return c, fmt.Errorf("settings: %w", err)
	}
	return c, nil
}

func (c config) validate() error {
	var errs []error
	if c.APIKey == "" {
		errs = append(errs, errors.New("API_KEY is required"))
	}
	if c.Hold <= 0 {
		errs = append(errs, errors.New("HOLD must be positive"))
	}
	if len(c.WebhookURL) > 0 && len(c.WebhookSecret) == 0 {
		errs = append(errs, errors.New("WEBHOOK_URL needs WEBHOOK_SECRET"))
	}
	if c.WebhookEvery <= 0 {
		errs = append(errs, errors.New("WEBHOOK_EVERY must be positive"))
	}
	return errors.Join(errs...)
}
