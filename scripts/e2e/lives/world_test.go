package lives

import (
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/localstack"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/scripts/e2e"
	"ordersaga.internal/scripts/e2e/people"
	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/stack"
)

// world is a stack, and the people around it.
type world struct{ *people.People }

// begin starts a stack with so many replicas of each service, that ends with the test.
func begin(t *testing.T, replicas int) world {
	t.Helper()
	root, err := stack.FindRoot()
	require.NoError(t, err)
	broker, err := localstack.StartEmbeddedKafka(localstack.EmbeddedKafkaConfig{})
	require.NoError(t, err)
	t.Cleanup(broker.Stop)
	s, err := stack.Up(t.Context(), stack.Config{
		Root: root, Dir: t.TempDir(), Kafka: broker.Addr, Postgres: "embedded", Services: stack.Everything(), Replicas: replicas, Tags: os.Getenv(e2e.Tags), Out: t.Output(),
	})
	require.NoError(t, err)
	t.Cleanup(s.Down)
	require.NoError(t, load.Seed(t.Context(), s))
	p, err := people.Around(t.Context(), s)
	require.NoError(t, err)
	return world{p}
}

// view is what the read model is, once it has read all that the log holds.
func (w world) view(t *testing.T) (digest string) {
	t.Helper()
	log := kadm.NewClient(manual(t, w.Stack))
	var read, end int64
	testkit.Eventually(t, func() bool {
		ends, err := log.ListEndOffsets(t.Context(), contracts.EventTopics()...)
		require.NoError(t, err)
		end = 0
		ends.Each(func(o kadm.ListedOffset) { end += o.Offset })
		w.Row(t, "orderview", `
SELECT md5(string_agg(v::text, ' ' ORDER BY order_id)), (SELECT sum(next) FROM positions) FROM order_view AS v`, nil, []any{&digest, &read})
		return read == end
	}, "the read model has read everything")
	return digest
}

// struck waits until the provider was called as often as it was to fail.
func (w world) struck(t *testing.T) {
	t.Helper()
	testkit.Eventually(t, func() bool {
		var faults struct{ Items []struct{} }
		_, err := w.Provider.Do(t.Context(), http.MethodGet, "/v1/faults", "", nil, &faults)
		require.NoError(t, err)
		return len(faults.Items) == 0
	}, "the provider fails as it was told to")
}
