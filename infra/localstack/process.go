package localstack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
)

// Process is a child program that dies with us. It leads its own process group, so that a Ctrl-C on the terminal reaches
// it only through Stop.
type Process struct {
	Cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// Start runs cmd. If this process dies, by whatever means, the kernel sends the child deathSignal.
func Start(cmd *exec.Cmd, deathSignal syscall.Signal) (*Process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pdeathsig = deathSignal
	p := &Process{Cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The death signal is tied to the thread that forks, so this goroutine keeps its thread until the child is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			started <- fmt.Errorf("start %s: %w", cmd.Path, err)
			return
		}
		started <- nil
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// Done is closed when the program has ended; Err then says how.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err returns how the program ended: nil for exit code 0. It holds once Done is closed.
func (p *Process) Err() error { return p.err }

// PID of the program.
func (p *Process) PID() int { return p.Cmd.Process.Pid }

// Signal sends s to the program. A program that has ended already is no error.
func (p *Process) Signal(s syscall.Signal) error {
	if err := p.Cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal %s: %w", p.Cmd.Path, err)
	}
	return nil
}

// Stop sends s, waits up to grace, then kills what is left of the process group.
func (p *Process) Stop(s syscall.Signal, grace time.Duration) {
	_ = p.Signal(s) // it may be gone already; the wait below decides
	select {
	case <-p.done:
	case <-time.After(grace):
		_ = syscall.Kill(-p.PID(), syscall.SIGKILL)
		<-p.done
	}
}

// The ports that FreePort gives: below 32768, where Linux begins to give ports to outgoing connections.
const firstPort, countPorts = 15_000, 17_000

// turn is where FreePort goes on, from a place of its own in each process.
var turn atomic.Uint32

func init() { turn.Store(rand.Uint32N(countPorts)) }

// FreePort returns a TCP port of 127.0.0.1 that was free a moment ago. No outgoing connection takes it before the program
// that it is for listens, or listens again, and no port is given twice by one process.
func FreePort() (int, error) {
	var err error
	for range 100 {
		port := firstPort + int(turn.Add(1)%countPorts)
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return port, l.Close()
		}
	}
	return 0, fmt.Errorf("find a free port: %w", err)
}

// waitFor polls ready until it returns nil, the program ends, or ctx does.
func (p *Process) waitFor(ctx context.Context, what string, ready func(context.Context) error) error {
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		if last = ready(ctx); last == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended while starting: %w", what, errors.Join(p.err, last))
		case <-ctx.Done():
			return fmt.Errorf("%s not ready: %w", what, errors.Join(ctx.Err(), last))
		case <-tick.C:
		}
	}
}

// tail returns the last bytes of a log file, for an error message.
func tail(path string, n int64) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close() //nolint:errcheck // read only
	if st, err := f.Stat(); err == nil && st.Size() > n {
		_, _ = f.Seek(-n, io.SeekEnd)
	}
	b, err := io.ReadAll(f)
	if err != nil {
		return ""
	}
	return string(b)
}
