package localstack

import (
	"fmt"
	"net"
	"os"

	"github.com/twmb/franz-go/pkg/kfake"
)

// EmbeddedKafkaConfig says where the in-process broker keeps its log and listens.
type EmbeddedKafkaConfig struct {
	Dir  string // "" keeps everything in memory
	Port int    // 0: a free one
	// Advertised is what clients are told instead of the real address: a proxy's, host:port. Default: the real one.
	Advertised string
}

// EmbeddedKafka is a broker in this process.
type EmbeddedKafka struct {
	cluster *kfake.Cluster
	Addr    string
}

// StartEmbeddedKafka starts franz-go's kfake with one broker. Topics are never created by use.
func StartEmbeddedKafka(c EmbeddedKafkaConfig) (*EmbeddedKafka, error) {
	opts := []kfake.Opt{kfake.NumBrokers(1)}
	if c.Port != 0 {
		opts = append(opts, kfake.Ports(c.Port))
	}
	if c.Dir != "" {
		if err := os.MkdirAll(c.Dir, 0o755); err != nil {
			return nil, fmt.Errorf("broker's directory: %w", err)
		}
		opts = append(opts, kfake.DataDir(c.Dir))
	}
	if c.Advertised != "" {
		told, err := net.ResolveTCPAddr("tcp", c.Advertised)
		if err != nil {
			return nil, fmt.Errorf("advertised address: %w", err)
		}
		opts = append(opts, kfake.ListenFn(func(network, address string) (net.Listener, error) {
			l, err := net.Listen(network, address)
			return behind{l, told}, err
		}))
	}
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		return nil, fmt.Errorf("start the embedded broker: %w", err)
	}
	return &EmbeddedKafka{cluster: cluster, Addr: cluster.ListenAddrs()[0]}, nil
}

// behind is a listener that gives a proxy's address as its own, which is what kfake advertises.
type behind struct {
	net.Listener
	proxy net.Addr
}

func (l behind) Addr() net.Addr { return l.proxy }

// Stop ends the broker; what it acknowledged stays in Dir.
func (k *EmbeddedKafka) Stop() { k.cluster.Close() }
