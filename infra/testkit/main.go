package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// Main runs a package's tests, stops the shared parts, and fails where a goroutine is left over:
//
//	func TestMain(m *testing.M) { testkit.Main(m) }
//
// Without it the parts end with the process all the same.
func Main(m *testing.M) {
	code := m.Run()
	stopShared()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, "left over after the tests:", err)
			code = 1
		}
	}
	os.Exit(code)
}

var shared struct {
	sync.Mutex
	stops []func()
}

func atExit(stop func()) {
	shared.Lock()
	defer shared.Unlock()
	shared.stops = append(shared.stops, stop)
}

func stopShared() {
	shared.Lock()
	defer shared.Unlock()
	for _, stop := range slices.Backward(shared.stops) {
		stop()
	}
	shared.stops = nil
}

// sweepAfter removes dir once this process and then the one with the given id are gone. The kernel ends a shared part with
// this process (localstack), but only somebody who outlives both can take its files away: a shell that waits for the end
// of its input, which comes when we are gone, killed or not.
func sweepAfter(pid int, dir string) error {
	const script = `cat >/dev/null; while kill -0 "$1" 2>/dev/null; do sleep 0.05; done; rm -rf -- "$2"`
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("pipe: %w", err)
	}
	defer func() { _ = r.Close() }()
	cmd := exec.Command("sh", "-c", script, "sweep", strconv.Itoa(pid), filepath.Clean(dir))
	cmd.Stdin = r
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for the tests
	if err := cmd.Start(); err != nil {
		_ = w.Close()
		return fmt.Errorf("start sweeper: %w", err)
	}
	atExit(func() { // runs after the part's own stop
		_ = w.Close()
		_ = cmd.Wait()
	})
	return nil
}
