package main

import (
	"errors"
	"time"

	"ordersaga.internal/infra/program"
)

// config is every setting of the program.
type config struct {
	program.Common

	AdminAddr string `env:"ADMIN_ADDR" envDefault:"127.0.0.1:9102" doc:"Where the admin port listens."`
	HTTPAddr  string `env:"HTTP_ADDR" envDefault:"127.0.0.1:8082" doc:"Where the provider's webhooks are taken."`

	Provider        string        `env:"PROVIDER" envDefault:"sandbox" doc:"The payment provider: sandbox or stripe."`
	ProviderURL     string        `env:"PROVIDER_URL" doc:"Where it is. Default: the sandbox on 127.0.0.1:8085, Stripe where it is."`
	ProviderKey     string        `env:"PROVIDER_KEY" need:"serve" doc:"API key at the provider."`
	WebhookSecrets  []string      `env:"PROVIDER_WEBHOOK_SECRET" doc:"What the provider signs webhooks with; two, with commas, while it changes. None: no webhooks."`
	ProviderTimeout time.Duration `env:"PROVIDER_TIMEOUT" envDefault:"3s" doc:"How long one call waits for its answer."`
	ProviderRate    float64       `env:"PROVIDER_RATE" envDefault:"10000" doc:"Most calls in a second."`
	ProviderCalls   int           `env:"PROVIDER_CALLS" envDefault:"256" doc:"Most calls at once."`
	OperationLease  time.Duration `env:"OPERATION_LEASE" envDefault:"20s" doc:"How long after a crash another replica calls again."`
}

const shortestSecret = 16

// Validate implements program.Validator.
func (c config) Validate() error {
	errs := []error{c.Common.Validate()}
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New(what))
		}
	}
	need(c.Provider == providerSandbox || c.Provider == providerStripe, "PROVIDER must be sandbox or stripe")
	need(c.ProviderTimeout > 0, "PROVIDER_TIMEOUT must be positive")
	need(c.ProviderRate > 0, "PROVIDER_RATE must be positive")
	need(c.ProviderCalls > 0, "PROVIDER_CALLS must be positive")
	// Closing, reading, calling, reading again and closing, with room: else a second replica joins in.
	need(c.OperationLease > 5*c.ProviderTimeout, "OPERATION_LEASE must be more than five times PROVIDER_TIMEOUT")
	need(len(c.WebhookSecrets) <= 2, "PROVIDER_WEBHOOK_SECRET must be one secret, or two while it changes")
	for _, secret := range c.WebhookSecrets {
		need(len(secret) >= shortestSecret, "PROVIDER_WEBHOOK_SECRET must have at least 16 characters")
	}
	return errors.Join(errs...)
}
