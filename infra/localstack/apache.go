package localstack

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
	"syscall"
	"time"
)

// ErrNoJava is returned where Apache Kafka cannot run.
var ErrNoJava = errors.New("Apache Kafka needs java (17 or newer) and, once, mvn on the PATH") //nolint:staticcheck // a name

// ApacheKafkaConfig says where a broker keeps its files and listens.
type ApacheKafkaConfig struct {
	Dir  string // data and log; made if absent. Required.
	Port int    // 0: a free one; the controller takes another free one
	Heap string // of the JVM; default "512m"
	// Flush makes every record reach the device, for tests of power cuts. Kafka's own durability is replication.
	Flush bool
	// Proxied is a second listener, of whose clients everything goes through a proxy; nil: none.
	Proxied *ProxiedListener
	// Node of a cluster, from 1, and the controllers' ports of all its nodes, node 1 first. Default: a cluster of one.
	Node        int
	Controllers []int

	record string // where to write the class archive when it ends; see ensureArchive
}

// ProxiedListener is a listener that tells its clients another address than its own.
type ProxiedListener struct {
	Port       int
	Advertised string // host:port
}

// ApacheKafka is a running node (KRaft, broker and controller in one).
type ApacheKafka struct {
	*Process
	Addr string
}

// HasJava tells whether Apache Kafka can run here.
func HasJava() bool {
	_, err := exec.LookPath("java")
	return err == nil
}

// StartApacheKafka fetches Kafka's jars once, formats the directory where needed, and starts a broker. It does not fsync
// each record: Kafka's durability is replication, so a single broker is for development.
func StartApacheKafka(ctx context.Context, c ApacheKafkaConfig) (*ApacheKafka, error) {
	if !HasJava() {
		return nil, ErrNoJava
	}
	libs, err := kafkaJars(ctx)
	if err != nil {
		return nil, err
	}
	if err := ensureArchive(ctx, libs); err != nil {
		return nil, err
	}
	return startApache(ctx, libs, c)
}

func startApache(ctx context.Context, libs string, c ApacheKafkaConfig) (*ApacheKafka, error) {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("broker's directory: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("broker's directory: %w", err)
	}
	if c.Port == 0 {
		if c.Port, err = FreePort(); err != nil {
			return nil, err
		}
	}
	if len(c.Controllers) == 0 {
		controller, err := FreePort()
		if err != nil {
			return nil, err
		}
		c.Node, c.Controllers = 1, []int{controller}
	}
	if c.Node < 1 || c.Node > len(c.Controllers) {
		return nil, fmt.Errorf("node %d of a cluster of %d", c.Node, len(c.Controllers))
	}
	conf := filepath.Join(dir, "server.properties")
	if err := os.WriteFile(conf, serverProperties(dir, c), 0o644); err != nil {
		return nil, fmt.Errorf("broker's settings: %w", err)
	}
	java, err := newJVM(ctx, libs, dir, c)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, "data", "meta.properties")); errors.Is(err, os.ErrNotExist) {
		if err := java.format(ctx, conf); err != nil {
			return nil, err
		}
	}
	return runApache(ctx, dir, c.Port, java.args("kafka.Kafka", conf))
}

func runApache(ctx context.Context, dir string, port int, args []string) (*ApacheKafka, error) {
	logPath := filepath.Join(dir, "server.log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return nil, fmt.Errorf("broker's log: %w", err)
	}
	defer log.Close() //nolint:errcheck // the child has its own descriptor
	cmd := exec.Command("java", args...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, dir
	p, err := Start(cmd, syscall.SIGTERM)
	if err != nil {
		return nil, err
	}
	k := &ApacheKafka{Process: p, Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	err = p.waitFor(ctx, "Apache Kafka", func(context.Context) error {
		if strings.Contains(tail(logPath, 1<<20), "Kafka Server started") {
			return nil
		}
		return errors.New("it has not said that it started")
	})
	if err != nil {
		k.Stop()
		return nil, fmt.Errorf("%w\n%s", err, tail(logPath, 2000))
	}
	return k, nil
}

// Stop ends the broker.
func (k *ApacheKafka) Stop() { k.Process.Stop(syscall.SIGTERM, 15*time.Second) }

// serverProperties are a node's settings. Replication, where there are nodes for it, loses nothing when one of three is
// killed: what is acknowledged is on two.
func serverProperties(dir string, c ApacheKafkaConfig) []byte {
	nodes := len(c.Controllers)
	controller := c.Controllers[c.Node-1]
	voters := make([]string, nodes)
	for i, port := range c.Controllers {
		voters[i] = fmt.Sprintf("%d@127.0.0.1:%d", i+1, port)
	}
	listeners := fmt.Sprintf("PLAINTEXT://127.0.0.1:%d", c.Port)
	advertised := listeners
	if p := c.Proxied; p != nil {
		listeners += fmt.Sprintf(",PROXIED://127.0.0.1:%d", p.Port)
		advertised += ",PROXIED://" + p.Advertised
	}
	properties := fmt.Appendf(nil, `process.roles=broker,controller
node.id=%[5]d
controller.quorum.voters=%[4]s
listeners=%[2]s,CONTROLLER://127.0.0.1:%[3]d
advertised.listeners=%[6]s
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=%[1]s/data
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=%[7]d
offsets.topic.num.partitions=8
transaction.state.log.replication.factor=%[7]d
transaction.state.log.min.isr=%[8]d
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=%[7]d
share.coordinator.state.topic.min.isr=%[8]d
min.insync.replicas=%[8]d
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=2
message.max.bytes=2097152
`, dir, listeners, controller, strings.Join(voters, ","), c.Node, advertised, nodes, nodes/2+1)
	if c.Flush {
		properties = append(properties, "log.flush.interval.messages=1\n"...)
	}
	return properties
}
