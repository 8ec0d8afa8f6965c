package lives

import (
	"context"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/localstack"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/scripts/e2e"
	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/stack"
)

// world is a stack, and the people around it.
type world struct {
	*stack.Stack
	customer, operator, provider *load.Client

	mu   sync.Mutex
	said map[uuid.UUID][]string // of each order, the names of its messages as they came, topic by topic
	all  []uuid.UUID            // orders that were accepted
}

// begin starts a stack that ends with the test.
func begin(t *testing.T) *world {
	t.Helper()
	root, err := stack.FindRoot()
	require.NoError(t, err)
	broker, err := localstack.StartEmbeddedKafka(localstack.EmbeddedKafkaConfig{})
	require.NoError(t, err)
	t.Cleanup(broker.Stop)
	s, err := stack.Up(t.Context(), stack.Config{
		Root: root, Dir: t.TempDir(), Kafka: broker.Addr, Postgres: "embedded", Replicas: 1, Out: t.Output(), Tags: os.Getenv(e2e.Tags),
	})
	require.NoError(t, err)
	t.Cleanup(s.Down)
	require.NoError(t, load.Seed(t.Context(), s))
	w := &world{Stack: s, said: map[uuid.UUID][]string{}}
	client := func(addrs []string, role string) *load.Client {
		token, err := s.Keys.Token("alice", role, time.Hour)
		require.NoError(t, err)
		return load.NewClient(addrs, token)
	}
	w.customer = client(s.APIs("order"), "customer")
	w.operator = client([]string{w.program(t, "processmanager").AdminAddr}, "operator")
	w.provider = load.NewClient(s.APIs("provider"), stack.ProviderKey)
	_, err = load.Tap(t.Context(), s.Brokers, contracts.Topics(), true, w.hear)
	require.NoError(t, err)
	return w
}

func (w *world) hear(r *kgo.Record) {
	id, err := uuid.ParseBytes(r.Key)
	if err != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said[id] = append(w.said[id], load.Name(r))
}

// heard counts the messages of a name that an order has.
func (w *world) heard(id uuid.UUID, name string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.said[id] {
		if s == name {
			n++
		}
	}
	return n
}

// hears waits until an order has so many messages of a name.
func (w *world) hears(t *testing.T, id uuid.UUID, name string, count int) {
	t.Helper()
	testkit.Eventually(t, func() bool { return w.heard(id, name) >= count }, name, "of", id.String())
}

func (w *world) program(t *testing.T, service string) *stack.Program {
	t.Helper()
	for _, p := range w.Programs {
		if p.Service.Name == service {
			return p
		}
	}
	t.Fatalf("no %s runs", service)
	return nil
}

// place places an order of two units of each SKU.
func (w *world) place(t *testing.T, method string, skus ...string) uuid.UUID {
	t.Helper()
	o := load.Order{PaymentMethod: method, ShipTo: "addr-1"}
	for _, sku := range skus {
		o.Lines = append(o.Lines, load.Line{SKU: sku, Quantity: 2})
	}
	id, err := w.customer.Place(t.Context(), "", o)
	require.NoError(t, err)
	w.all = append(w.all, id)
	return id
}

// fault makes the next call of an operation at the provider fail.
func (w *world) fault(t *testing.T, operation, fault string, delay time.Duration) {
	t.Helper()
	_, err := w.provider.Do(t.Context(), http.MethodPost, "/v1/faults", "", map[string]any{
		"operation": operation, "fault": fault, "times": 1, "delay_ms": delay.Milliseconds(),
	}, nil)
	require.NoError(t, err)
}

// struck waits until the provider was called as often as it was to fail.
func (w *world) struck(t *testing.T) {
	t.Helper()
	testkit.Eventually(t, func() bool {
		var faults struct{ Items []struct{} }
		_, err := w.provider.Do(t.Context(), http.MethodGet, "/v1/faults", "", nil, &faults)
		require.NoError(t, err)
		return len(faults.Items) == 0
	}, "the provider fails as it was told to")
}

// wish asks the process manager for something.
func (w *world) wish(t *testing.T, id uuid.UUID, what string, body map[string]string) {
	t.Helper()
	body["reason"] = "a test"
	_, err := w.operator.Do(t.Context(), http.MethodPost, "/admin/v1/instances/"+id.String()+"/"+what, uuid.NewString(), body, nil)
	require.NoError(t, err)
}

// sql runs a statement in a database, as somebody who may.
func (w *world) sql(ctx context.Context, t *testing.T, database, sql string, args ...any) {
	t.Helper()
	url, err := w.Database(database)
	require.NoError(t, err)
	conn, err := pgx.Connect(ctx, url)
	require.NoError(t, err)
	defer conn.Close(ctx) //nolint:errcheck // done
	_, err = conn.Exec(ctx, sql, args...)
	require.NoError(t, err)
}
