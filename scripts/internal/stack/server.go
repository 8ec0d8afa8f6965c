package stack

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"

	"ordersaga.internal/infra/localstack"
)

// Server is PostgreSQL or one broker, in a process of its own, so that its CPU time is its own. Started again it has its
// address and its data.
type Server struct {
	Name string // "postgres", "broker", of several "broker-1"
	Dir  string // where its data is
	Log  string // path

	graceful syscall.Signal
	start    func(ctx context.Context) (*localstack.Process, error)

	mu      sync.Mutex
	process *localstack.Process
}

// Process is the running process, nil before the first Start.
func (s *Server) Process() *localstack.Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process
}

// Start runs the server and waits until it serves.
func (s *Server) Start(ctx context.Context) error {
	p, err := s.start(ctx)
	if err != nil {
		return fmt.Errorf("start %s: %w", s.Name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.process = p
	return nil
}

// Stop ends the server in its own orderly way.
func (s *Server) Stop() {
	if p := s.Process(); p != nil {
		p.Stop(s.graceful, 15*time.Second)
	}
}
