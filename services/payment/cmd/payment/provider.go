package main

import (
	"ordersaga.internal/services/payment/internal/payments"
	"ordersaga.internal/services/payment/internal/sandbox"
	"ordersaga.internal/services/payment/internal/stripe"
	"ordersaga.internal/services/payment/internal/webhook"
)

// Names of providers.
const (
	providerSandbox = "sandbox"
	providerStripe  = "stripe"
)

const sandboxURL = "http://127.0.0.1:8085"

// provider is an adapter and how its other side writes webhooks.
type provider struct {
	payments.Provider

	webhooks  webhook.Format
	closeIdle func()
}

func (c config) provider() (provider, error) {
	if c.Provider == providerStripe {
		client, err := stripe.New(stripe.Config{Key: c.ProviderKey, URL: c.ProviderURL})
		if err != nil {
			return provider{}, err
		}
		return provider{client, stripe.Webhooks(), client.CloseIdle}, nil
	}
	if c.ProviderURL == "" {
		c.ProviderURL = sandboxURL
	}
	client, err := sandbox.New(sandbox.Config{URL: c.ProviderURL, Key: c.ProviderKey, Connections: c.ProviderCalls})
	if err != nil {
		return provider{}, err
	}
	return provider{client, sandbox.Webhooks(), client.CloseIdle}, nil
}
