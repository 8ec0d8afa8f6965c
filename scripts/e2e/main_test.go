package e2e

import (
	"context"
	"fmt"
	"os"
	"testing"

	"ordersaga.internal/infra/localstack"
	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/stack"
)

// system is the stack that all tests talk to.
var system *stack.Stack

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "no stack to test:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if path := os.Getenv(Variable); path != "" {
		if system, err = stack.Attach(path); err != nil {
			return 1, err
		}
		return m.Run(), nil
	}
	c := Config()
	c.Out = os.Stderr
	if c.Root, err = stack.FindRoot(); err != nil {
		return 1, err
	}
	if c.Kafka == "embedded" { // else the stack would start itself, which is not this program
		k, err := localstack.StartEmbeddedKafka(localstack.EmbeddedKafkaConfig{})
		if err != nil {
			return 1, err
		}
		defer k.Stop()
		c.Kafka = k.Addr
	}
	err = load.OnFreshStack(context.Background(), c, func(s *stack.Stack) error {
		system = s
		code = m.Run()
		return nil
	})
	return code, err
}
