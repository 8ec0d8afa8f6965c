package versions

import (
	"context"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/stack"
)

const prefix = "again."

// Scenario 46: somebody gives a topic one more partition while orders are under way. Who reads it stops, and does not start
// again, and says why. Then the way that the message names: the topics are copied under another prefix, every position is
// forgotten, and the orders end, each once.
func TestMorePartitionsAreRefusedAndRepaired(t *testing.T) {
	s := begin(t, 1, nil)
	token, err := s.Keys.Token("alice", "customer", time.Hour)
	require.NoError(t, err)
	customer := load.NewClient(s.APIs("order"), token)
	heard := newEar(t, s, "")
	place := func() uuid.UUID {
		id, err := customer.Place(t.Context(), "", load.Order{
			Lines: []load.Line{{SKU: "SKU-0001", Quantity: 1}}, PaymentMethod: "pm_ok", ShipTo: "addr-1",
		})
		require.NoError(t, err)
		return id
	}
	ended := place()
	heard.waits(t, ended, "OrderCompleted")
	provider := program(t, s, "provider").Process()
	require.NoError(t, provider.Signal(syscall.SIGSTOP))
	var open []uuid.UUID
	for range 5 {
		open = append(open, place())
	}
	for _, id := range open {
		heard.waits(t, id, "AuthorizePayment")
	}

	newClient := func(opts ...kgo.Opt) (*kgo.Client, error) {
		return kafka.NewClient(kafka.Config{Brokers: strings.Split(s.Brokers, ",")}, slog.New(slog.DiscardHandler), opts...)
	}
	client, err := newClient()
	require.NoError(t, err)
	defer client.Close()
	raised, err := kadm.NewClient(client).CreatePartitions(t.Context(), 1, contracts.PaymentEvents)
	require.NoError(t, err)
	require.NoError(t, raised.Error())
	manager := program(t, s, "processmanager")
	says := func(text string) {
		t.Helper()
		select {
		case <-manager.Process().Done():
		case <-time.After(30 * time.Second):
			t.Fatal("it goes on")
		}
		require.Error(t, manager.Process().Err())
		log := stack.LastLines(manager.Log)
		require.Contains(t, log, text)
		require.Contains(t, log, "partition-count.md")
	}
	says(`topic "payment.events" has 13 partitions and must have 12`)
	require.NoError(t, manager.Start())
	says("payment.events (13) must have 12 partitions")

	require.NoError(t, provider.Signal(syscall.SIGCONT))
	for _, p := range s.Programs {
		p.Process().Stop(syscall.SIGTERM, 15*time.Second)
	}
	require.NoError(t, kafka.EnsureTopics(t.Context(), client, prefix, stack.Topics(), contracts.Partitions, 1, 1))
	copied, err := kafka.CopyTopics(t.Context(), newClient, "", prefix, contracts.Topics(), contracts.Partitions)
	require.NoError(t, err)
	require.Positive(t, copied)
	for _, database := range []string{"orders", "payments", "warehouse", "processmanager"} {
		execute(t, s, database, "DELETE FROM positions")
	}
	heard = newEar(t, s, prefix)
	for _, p := range s.Programs {
		p.Set("KAFKA_TOPIC_PREFIX=" + prefix)
		require.NoError(t, p.Start())
	}
	for _, p := range s.Programs {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		require.NoError(t, p.WaitReady(ctx))
		cancel()
	}
	after := place()
	for _, id := range append(open, after) {
		heard.waits(t, id, "OrderCompleted")
	}
	for _, id := range append(open, ended, after) {
		heard.once(t, id)
	}
	t.Logf("%d records copied; %d orders under way ended", copied, len(open))
}

// TestRecordsInForeignPartitionsAreNotLost: what stands where nobody of ours writes is not left behind in silence.
func TestRecordsInForeignPartitionsAreNotLost(t *testing.T) {
	b := testkit.Kafka(t)
	const topic = "some.events"
	b.Topics(t, 3, topic)
	newClient := func(opts ...kgo.Opt) (*kgo.Client, error) {
		return kafka.NewClient(b.Config(), slog.New(slog.DiscardHandler), opts...)
	}
	client := b.Client(t)
	require.NoError(t, kafka.EnsureTopics(t.Context(), client, b.Prefix+"copy.", []string{topic}, 2, 1, 1))
	for partition := range int32(3) {
		if partition == 2 {
			n, err := kafka.CopyTopics(t.Context(), newClient, b.Prefix, b.Prefix+"copy.", []string{topic}, 2)
			require.NoError(t, err)
			require.Equal(t, int64(2), n)
		}
		require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{Topic: b.Prefix + topic, Partition: partition, Value: []byte("x")}).FirstErr())
	}
	_, err := kafka.CopyTopics(t.Context(), newClient, b.Prefix, b.Prefix+"copy.", []string{topic}, 2)
	require.ErrorIs(t, err, kafka.ErrForeignRecords)
}

func program(t *testing.T, s *stack.Stack, service string) *stack.Program {
	t.Helper()
	for _, p := range s.Programs {
		if p.Service.Name == service {
			return p
		}
	}
	t.Fatalf("no %s runs", service)
	return nil
}

func execute(t *testing.T, s *stack.Stack, database, sql string) {
	t.Helper()
	url, err := s.Database(database)
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context()) //nolint:errcheck // done
	_, err = conn.Exec(t.Context(), sql)
	require.NoError(t, err)
}
