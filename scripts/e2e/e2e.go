// Package e2e tests the whole system from outside, as a customer, an operator and another team see it: over HTTP, on the
// topics, and in the traces. Its tests share one stack: the one that Variable names (scripts/test starts it once for
// several steps), else one of their own.
package e2e

import (
	"os"

	"ordersaga.internal/infra/localstack"
	"ordersaga.internal/scripts/internal/stack"
)

// Variable is the environment variable with the path of a stack's description; see stack.Describe.
const Variable = "ORDERSAGA_E2E_STACK"

// Config is the stack that the tests need, with traces in Jaeger.
func Config() stack.Config {
	return stack.Config{
		Kafka: Kafka(), Postgres: "embedded", Services: stack.Everything(), Replicas: 1, Jaeger: true,
		Env: []string{"OTEL_BSP_SCHEDULE_DELAY=200"}, // milliseconds: a test waits for each span
	}
}

// Kafka is a stack's broker: real Kafka wherever there is Java. CI always has it.
func Kafka() string {
	if !localstack.HasJava() && os.Getenv("CI") != "true" {
		return "embedded"
	}
	return "apache"
}
