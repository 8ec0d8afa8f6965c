package chaos

import (
	"context"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/localstack"
	"ordersaga.internal/infra/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// sleeper is a program that only waits.
type sleeper struct {
	mu sync.Mutex
	p  *localstack.Process
}

func (s *sleeper) Process() *localstack.Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.p
}

func (s *sleeper) Start(context.Context) error {
	p, err := localstack.Start(exec.Command("sleep", "1000"), syscall.SIGKILL)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.p = p
	return err
}

func TestKeeper(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s, died := &sleeper{}, make(chan error, 1)
	require.NoError(t, s.Start(ctx))
	k := newKeeper("sleeper", "", s, func(_ string, how error) { died <- how })
	var running sync.WaitGroup
	running.Go(func() { k.run(ctx) })
	again := func(first *localstack.Process) {
		t.Helper()
		testkit.Eventually(t, func() bool { return s.Process() != first && k.running() }, "it runs again")
	}

	require.True(t, k.take())
	require.False(t, k.take()) // one fault at a time
	first := s.Process()
	really, err := k.kill(10 * time.Millisecond)
	require.NoError(t, err)
	require.True(t, really)
	again(first)
	k.giveBack()

	first = s.Process()
	really, err = k.stop(0, syscall.SIGTERM, time.Minute)
	require.True(t, really)
	require.Error(t, err) // sleep does not end well on SIGTERM
	again(first)
	require.Empty(t, died)

	first = s.Process()
	require.NoError(t, first.Signal(syscall.SIGKILL)) // nobody planned it
	require.True(t, endedBy(<-died, syscall.SIGKILL))
	again(first)

	cancel()
	running.Wait()
	s.Process().Stop(syscall.SIGKILL, time.Second)
}
