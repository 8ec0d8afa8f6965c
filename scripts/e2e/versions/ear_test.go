package versions

import (
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/stack"
)

// ear hears every message of every order.
type ear struct {
	mu   sync.Mutex
	said map[uuid.UUID]map[string]map[string]bool // of each order, by the message's name, its ids
}

func newEar(t *testing.T, s *stack.Stack, prefix string) *ear {
	t.Helper()
	e := &ear{said: map[uuid.UUID]map[string]map[string]bool{}}
	topics := contracts.Topics()
	for k := range topics {
		topics[k] = prefix + topics[k]
	}
	_, err := load.Tap(t.Context(), s.Brokers, topics, true, e.hear)
	require.NoError(t, err)
	return e
}

func (e *ear) hear(r *kgo.Record) {
	id, err := uuid.ParseBytes(r.Key)
	if err != nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.said[id] == nil {
		e.said[id] = map[string]map[string]bool{}
	}
	if e.said[id][load.Name(r)] == nil {
		e.said[id][load.Name(r)] = map[string]bool{}
	}
	e.said[id][load.Name(r)][load.Header(r, "ce_id")] = true
}

func (e *ear) waits(t *testing.T, id uuid.UUID, name string) {
	t.Helper()
	testkit.Eventually(t, func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		return len(e.said[id][name]) > 0
	}, name, "of", id.String())
}

// once tells whether everything about a completed order was said once, though it may have been repeated.
func (e *ear) once(t *testing.T, id uuid.UUID) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	require.Len(t, e.said[id], 11, "%v", e.said[id])
	for name, ids := range e.said[id] {
		require.Len(t, ids, 1, "%s of %s", name, id)
	}
}

func TestMain(m *testing.M) { testkit.Main(m) }
