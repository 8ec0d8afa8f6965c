package stack

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/localstack"
	"ordersaga.internal/scripts/internal/check/read"
)

// Brokers and a database that are not ours, and not there, are told from other errors: exit code 3.
func TestWhoIsNotThere(t *testing.T) {
	t.Parallel()
	port, err := localstack.FreePort()
	require.NoError(t, err)
	s := &Stack{Config: Config{Kafka: addr(port)}}
	require.ErrorIs(t, s.startBrokers(t.Context()), read.ErrUnreachable)
	require.ErrorIs(t, makeDatabases(t.Context(), "postgres://postgres@"+addr(port)+"/postgres", nil), read.ErrUnreachable)
}
