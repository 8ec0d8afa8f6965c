package stack

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"ordersaga.internal/infra/localstack"
)

// startBroker starts the broker that the settings name and waits until it accepts connections.
func (s *Stack) startBroker(ctx context.Context, bin string) error {
	if s.Config.Kafka != "embedded" && s.Config.Kafka != "apache" {
		s.Brokers = s.Config.Kafka
		return nil
	}
	port, err := s.Config.port(9092)
	if err != nil {
		return err
	}
	s.Brokers = addr(port)
	dir := filepath.Join(s.Config.Dir, s.Config.Kafka)
	if s.Config.Kafka == "apache" {
		k, err := localstack.StartApacheKafka(ctx, localstack.ApacheKafkaConfig{Dir: dir, Port: port})
		if err != nil {
			return err
		}
		s.broker = k.Process
		s.Config.say("Apache Kafka on %s", s.Brokers)
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("start the embedded broker: %w", err)
	}
	log, err := os.Create(filepath.Join(s.Config.Dir, "log", "broker.log"))
	if err != nil {
		return fmt.Errorf("start the embedded broker: %w", err)
	}
	defer log.Close() //nolint:errcheck // the child has its own descriptor
	cmd := exec.Command(self, "broker", "--dir", dir, "--port", strconv.Itoa(port))
	cmd.Stdout, cmd.Stderr = log, log
	if s.broker, err = localstack.Start(cmd, syscall.SIGTERM); err != nil {
		return fmt.Errorf("start the embedded broker: %w", err)
	}
	if err := waitPort(ctx, s.broker, s.Brokers); err != nil {
		return fmt.Errorf("start the embedded broker: %w", err)
	}
	s.Config.say("embedded broker on %s", s.Brokers)
	return nil
}

func waitPort(ctx context.Context, p *localstack.Process, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.Done():
			return fmt.Errorf("it ended: %w", p.Err())
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-tick.C:
		}
	}
}
