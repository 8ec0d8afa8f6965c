package localstack_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"ordersaga.internal/infra/localstack"
)

// Three nodes, every record on all of them, acknowledged when it is on two. One is killed while records come, and starts
// again on its data: nothing is lost, and it catches up.
func TestAClusterLosesNothingWithOneNode(t *testing.T) {
	t.Parallel()
	require.True(t, localstack.HasJava(), "this test needs java")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	defer cancel()
	configs, nodes := clusterOf3(t), make([]*localstack.ApacheKafka, 3)
	addrs := make([]string, 3)
	var starting errgroup.Group
	for i, c := range configs {
		addrs[i] = "127.0.0.1:" + strconv.Itoa(c.Port)
		starting.Go(func() (err error) { nodes[i], err = localstack.StartApacheKafka(ctx, c); return err })
	}
	require.NoError(t, starting.Wait())
	t.Cleanup(func() {
		for _, n := range nodes {
			n.Process.Stop(syscall.SIGKILL, time.Second)
		}
	})
	cl, err := kgo.NewClient(kgo.SeedBrokers(addrs...), kgo.DefaultProduceTopic("t"), kgo.ConsumeTopics("t"), kgo.MetadataMinAge(100*time.Millisecond))
	require.NoError(t, err)
	defer cl.Close()
	admin := kadm.NewClient(cl)
	_, err = admin.CreateTopic(ctx, 3, 3, map[string]*string{"min.insync.replicas": kadm.StringPtr("2")}, "t")
	require.NoError(t, err)

	const records = 300
	want := map[string]bool{}
	for i := range records {
		if i == records/3 {
			require.NoError(t, nodes[1].Kill())
		}
		value := fmt.Sprint(i)
		want[value] = true
		require.NoError(t, cl.ProduceSync(ctx, kgo.StringRecord(value)).FirstErr())
	}
	nodes[1], err = localstack.StartApacheKafka(ctx, configs[1])
	require.NoError(t, err)
	for len(want) > 0 {
		fetches := cl.PollFetches(ctx)
		require.NoError(t, ctx.Err())
		fetches.EachRecord(func(r *kgo.Record) { delete(want, string(r.Value)) })
	}
	inSync := func() bool {
		topics, err := admin.ListTopics(ctx, "t")
		require.NoError(t, err)
		for _, p := range topics["t"].Partitions {
			if len(p.ISR) < 3 {
				return false
			}
		}
		return len(topics["t"].Partitions) == 3
	}
	for !inSync() {
		require.NoError(t, ctx.Err())
	}
}

func clusterOf3(t *testing.T) []localstack.ApacheKafkaConfig {
	t.Helper()
	var ports [6]int
	for i := range ports {
		var err error
		ports[i], err = localstack.FreePort()
		require.NoError(t, err)
	}
	var out []localstack.ApacheKafkaConfig
	dir := t.TempDir()
	for n := 1; n <= 3; n++ {
		out = append(out, localstack.ApacheKafkaConfig{
			Dir: filepath.Join(dir, strconv.Itoa(n)), Port: ports[n-1], Heap: "256m", Node: n, Controllers: ports[3:],
		})
	}
	return out
}
