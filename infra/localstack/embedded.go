package localstack

import (
	"fmt"
	"os"

	"github.com/twmb/franz-go/pkg/kfake"
)

// EmbeddedKafkaConfig says where the in-process broker keeps its log and listens.
type EmbeddedKafkaConfig struct {
	Dir  string // "" keeps everything in memory
	Port int    // 0: a free one
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
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		return nil, fmt.Errorf("start the embedded broker: %w", err)
	}
	return &EmbeddedKafka{cluster: cluster, Addr: cluster.ListenAddrs()[0]}, nil
}

// Stop ends the broker; what it acknowledged stays in Dir.
func (k *EmbeddedKafka) Stop() { k.cluster.Close() }
