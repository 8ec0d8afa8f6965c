package scenarios

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"ordersaga.internal/infra/localstack"
	"ordersaga.internal/scripts/e2e/people"
	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/stack"
)

// w is the stack of all tests, and the people around it.
var w *world

// outboxLimit is how many messages may wait for the broker: few, so that a test can fill it.
const outboxLimit = 300

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "broker" { // the stack starts the embedded broker as a process of its own: this one
		os.Exit(broker(os.Args[2:]))
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
		Kafka: "apache", Postgres: "embedded", Replicas: 1, Proxies: true, Out: os.Stderr,
		Env: []string{fmt.Sprintf("OUTBOX_LIMIT=%d", outboxLimit), "PROVIDER_TIMEOUT=600ms", "OPERATION_LEASE=4s"},
	}
	if !localstack.HasJava() && os.Getenv("CI") != "true" {
		c.Kafka = "embedded"
	}
	if c.Root, err = stack.FindRoot(); err != nil {
		return 1, err
	}
	if c.Dir, err = os.MkdirTemp("", "ordersaga-scenarios-*"); err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(c.Dir)) }()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s, err := stack.Up(ctx, c)
	if err != nil {
		return 1, err
	}
	defer s.Down()
	if err := load.Seed(ctx, s); err != nil {
		return 1, err
	}
	p, err := people.Around(ctx, s)
	if err != nil {
		return 1, err
	}
	w = &world{People: p}
	return m.Run(), nil
}

func broker(args []string) int {
	var c localstack.EmbeddedKafkaConfig
	flags := flag.NewFlagSet("broker", flag.ContinueOnError)
	flags.StringVar(&c.Dir, "dir", "", "")
	flags.IntVar(&c.Port, "port", 0, "")
	flags.StringVar(&c.Advertised, "advertised", "", "")
	if flags.Parse(args) != nil {
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	k, err := localstack.StartEmbeddedKafka(c)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	<-ctx.Done()
	k.Stop()
	return 0
}
