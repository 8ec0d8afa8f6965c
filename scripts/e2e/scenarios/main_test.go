package scenarios

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/spf13/cobra"

	"ordersaga.internal/scripts/e2e"
	"ordersaga.internal/scripts/e2e/people"
	"ordersaga.internal/scripts/internal/exit"
	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/stack"
)

// w is the stack of all tests, and the people around it.
var w *world

// outboxLimit is how many messages may wait for the broker: few, so that a test can fill it.
const outboxLimit = 300

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "broker" { // the stack starts the embedded broker as a process of its own: this one
		root := &cobra.Command{}
		root.AddCommand(stack.BrokerCommand())
		exit.Main(root, nil)
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "no stack to test:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	c := stack.Config{
		Kafka: e2e.Kafka(), Postgres: "embedded", Replicas: 1, Proxies: true, Out: os.Stderr,
		Env: []string{fmt.Sprintf("OUTBOX_LIMIT=%d", outboxLimit), "PROVIDER_TIMEOUT=600ms", "OPERATION_LEASE=4s"},
	}
	if c.Root, err = stack.FindRoot(); err != nil {
		return 1, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	err = load.OnFreshStack(ctx, c, func(s *stack.Stack) error {
		p, err := people.Around(ctx, s)
		if err != nil {
			return err
		}
		w = &world{People: p}
		code = m.Run()
		return nil
	})
	return code, err
}
