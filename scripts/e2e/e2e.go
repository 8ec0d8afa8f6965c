// Package e2e tests the whole system from outside, as a customer, an operator and another team see it: over HTTP, on the
// topics, and in the traces. Its tests share one stack: the one that Variable names (scripts/test starts it once for
// several steps), else one of their own.
package e2e

import (
	"os"

	"ordersaga.internal/infra/localstack"
	"ordersaga.internal/scripts/internal/stack"
)

// Tags is the environment variable with the tags that the programs are built with; see stack.Config.
const Tags = "ORDERSAGA_E2E_TAGS"

// Repeats is the environment variable with the path where the duplicator's counts are left, by tests that stop their stack
// themselves; see the package repeats.
const Repeats = "ORDERSAGA_E2E_REPEATS"

// Variable is the environment variable with the path of a stack's description; see stack.Describe.
const Variable = "ORDERSAGA_E2E_STACK"

// Config is the stack that the tests need, with traces in Jaeger.
func Config() stack.Config {
	return stack.Config{
		Kafka: Kafka(), Postgres: "embedded", Services: stack.Everything(), Replicas: 1, Jaeger: true, Tags: os.Getenv(Tags),
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
