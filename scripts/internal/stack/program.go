package stack

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"ordersaga.internal/infra/localstack"
)

// Program is one running replica of a service. Restart keeps its ports, so that its neighbours find it again.
type Program struct {
	Service   Service
	Replica   int    // from 1
	API       string // host:port, "" where it has none
	AdminAddr string // host:port; the provider's is its API
	Log       string // path

	path string
	env  []string

	mu      sync.Mutex
	process *localstack.Process
}

// Name is "order-1". It is also the id of the program's Kafka clients.
func (p *Program) Name() string { return fmt.Sprintf("%s-%d", p.Service.Name, p.Replica) }

// Process is the running process, for its pid and end.
func (p *Program) Process() *localstack.Process {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.process
}

// Use makes later starts and migrations run the program in another folder: another build of it.
func (p *Program) Use(bin string) { p.path = filepath.Join(bin, p.Service.Name) }

// Start runs the program.
func (p *Program) Start() error {
	log, err := os.OpenFile(p.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("log of %s: %w", p.Name(), err)
	}
	defer log.Close() //nolint:errcheck // the child has its own descriptor
	cmd := exec.Command(p.path, "serve")
	cmd.Env, cmd.Stdout, cmd.Stderr = p.env, log, log
	process, err := localstack.Start(cmd, syscall.SIGTERM)
	if err != nil {
		return fmt.Errorf("start %s: %w", p.Name(), err)
	}
	p.mu.Lock()
	p.process = process
	p.mu.Unlock()
	return nil
}

// Set changes settings ("NAME=value") from the next Start on.
func (p *Program) Set(settings ...string) { p.env = append(p.env[:len(p.env):len(p.env)], settings...) }

// Ready asks /readyz.
func (p *Program) Ready(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.AdminAddr+"/readyz", nil)
	if err != nil {
		return fmt.Errorf("ask %s: %w", p.Name(), err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask %s: %w", p.Name(), err)
	}
	defer res.Body.Close() //nolint:errcheck // read only
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s is not ready: %s", p.Name(), res.Status)
	}
	return nil
}

// WaitReady waits until the program is ready, has ended, or ctx ends. The error carries the end of its log.
func (p *Program) WaitReady(ctx context.Context) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := p.Ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.Process().Done():
			return fmt.Errorf("%s ended while starting: %w\n%s", p.Name(), p.Process().Err(), LastLines(p.Log))
		case <-ctx.Done():
			return fmt.Errorf("%w\n%s", err, LastLines(p.Log))
		case <-tick.C:
		}
	}
}

// Ask runs one of the program's commands, such as migrate, and returns what it printed.
func (p *Program) Ask(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, p.path, args...)
	cmd.Env = p.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s %s: %w\n%s", p.Service.Name, args[0], err, out)
	}
	return string(out), nil
}

// LastLines is the end of a log, some 2,000 characters; "" where there is none.
func LastLines(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	if len(b) > 2000 {
		b = b[len(b)-2000:]
	}
	return string(b)
}

// Build compiles programs of a checkout into a folder. Flags go to go build.
func Build(ctx context.Context, root, bin string, services []Service, flags ...string) error {
	for _, s := range services {
		args := append([]string{"build", "-o", filepath.Join(bin, s.Name)}, flags...)
		cmd := exec.CommandContext(ctx, "go", append(args, "./cmd/"+s.Name)...)
		cmd.Dir = filepath.Join(root, s.Module)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", s.Name, err, out)
		}
	}
	return nil
}
