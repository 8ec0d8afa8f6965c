package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/infra/localstack"
	"ordersaga.internal/scripts/internal/check/read"
	"ordersaga.internal/scripts/internal/faultnet"
)

// chaosHeap is a node's memory where three of them share this machine.
const chaosHeap = "384m"

// startBrokers starts the brokers that the settings name, all at once: those of a cluster wait for each other.
func (s *Stack) startBrokers(ctx context.Context) error {
	nodes := map[string]int{"embedded": 1, "apache": 1, "apache3": 3}[s.Config.Kafka]
	if nodes == 0 {
		s.Brokers, s.programBrokers = s.Config.Kafka, s.Config.Kafka
		return reach(ctx, s.Brokers)
	}
	var direct, proxied []string
	controllers := make([]int, nodes)
	for i := range controllers {
		var err error
		if controllers[i], err = localstack.FreePort(); err != nil {
			return err
		}
	}
	for n := 1; n <= nodes; n++ {
		b, err := s.layBroker(n, controllers)
		if err != nil {
			return err
		}
		s.Kafka = append(s.Kafka, b.server)
		direct, proxied = append(direct, b.direct), append(proxied, b.proxied)
	}
	s.Brokers, s.programBrokers = strings.Join(direct, ","), strings.Join(proxied, ",")
	var all sync.WaitGroup
	errs := make([]error, nodes)
	for i, server := range s.Kafka {
		all.Go(func() { errs[i] = server.Start(ctx) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	s.Config.say("%s broker on %s", s.Config.Kafka, s.Brokers)
	return nil
}

// reach asks brokers that are not ours whether they are there. Errors: read.ErrUnreachable.
func reach(ctx context.Context, brokers string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(brokers, ",")...))
	if err != nil {
		return fmt.Errorf("brokers %s: %w", brokers, err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := cl.Ping(ctx); err != nil {
		return fmt.Errorf("brokers %s: %w: %w", brokers, read.ErrUnreachable, err)
	}
	return nil
}

// broker is one node: where we and where the programs reach it.
type broker struct {
	server          *Server
	direct, proxied string
}

// layBroker decides a node's ports. With proxies, the programs are told theirs; the embedded broker has only one address.
func (s *Stack) layBroker(node int, controllers []int) (b broker, err error) {
	c := s.Config
	c.FixedPorts = c.FixedPorts && node == 1
	port, err := c.port(9092)
	if err != nil {
		return b, err
	}
	name := "broker"
	if len(controllers) > 1 {
		name = fmt.Sprintf("broker-%d", node)
	}
	b.direct, b.proxied = addr(port), addr(port)
	dir := filepath.Join(c.Dir, c.Kafka)
	if c.Kafka == "embedded" {
		if s.Net != nil {
			proxy, err := s.Net.addKafka(name, addr(port))
			if err != nil {
				return b, err
			}
			b.direct, b.proxied = proxy.Addr(), proxy.Addr()
		}
		b.server = &Server{Name: name, graceful: syscall.SIGTERM, start: func(ctx context.Context) (*localstack.Process, error) {
			return s.startEmbedded(ctx, dir, port, b.proxied)
		}}
		return b, nil
	}
	config := localstack.ApacheKafkaConfig{Dir: dir, Port: port, Node: node, Controllers: controllers}
	if len(controllers) > 1 {
		config.Dir, config.Heap = filepath.Join(dir, name), chaosHeap
	}
	if s.Net != nil {
		behind, err := localstack.FreePort()
		if err != nil {
			return b, err
		}
		var proxy *faultnet.Kafka
		if proxy, err = s.Net.addKafka(name, addr(behind)); err != nil {
			return b, err
		}
		b.proxied = proxy.Addr()
		config.Proxied = &localstack.ProxiedListener{Port: behind, Advertised: b.proxied}
	}
	b.server = &Server{Name: name, Dir: config.Dir, Log: filepath.Join(config.Dir, "server.log"), graceful: syscall.SIGTERM}
	b.server.start = func(ctx context.Context) (*localstack.Process, error) {
		k, err := localstack.StartApacheKafka(ctx, config)
		if err != nil {
			return nil, err
		}
		return k.Process, nil
	}
	return b, nil
}

// startEmbedded starts the embedded broker in a process of its own and waits until it accepts connections.
func (s *Stack) startEmbedded(ctx context.Context, dir string, port int, advertised string) (*localstack.Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start the embedded broker: %w", err)
	}
	log, err := os.OpenFile(filepath.Join(s.Config.Dir, "log", "broker.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("start the embedded broker: %w", err)
	}
	defer log.Close() //nolint:errcheck // the child has its own descriptor
	cmd := exec.Command(self, "broker", "--dir", dir, "--port", strconv.Itoa(port), "--advertised", advertised)
	cmd.Stdout, cmd.Stderr = log, log
	p, err := localstack.Start(cmd, syscall.SIGTERM)
	if err != nil {
		return nil, fmt.Errorf("start the embedded broker: %w", err)
	}
	if err := waitPort(ctx, p, addr(port)); err != nil {
		p.Stop(syscall.SIGTERM, 5*time.Second)
		return nil, fmt.Errorf("start the embedded broker: %w", err)
	}
	return p, nil
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
