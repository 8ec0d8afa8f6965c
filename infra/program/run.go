package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"
)

// Drain is how long a program may take to stop.
const Drain = 10 * time.Second

// untilSignal calls do with a context that ends on SIGTERM or SIGINT, prints its error, a line for each fault, and returns the exit
// code. After the signal do has Drain to return; a second signal, or the end of that time, ends the wait.
func untilSignal(ctx context.Context, name string, stderr io.Writer, do func(ctx context.Context) error) int {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400) // these programs hold little and allocate much: a tenth less CPU for some megabytes
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	result := make(chan error, 1)
	go func() { result <- do(ctx) }()

	var got os.Signal
	select {
	case err := <-result:
		return report(name, stderr, err, nil)
	case got = <-signals:
		cancel()
	}
	select {
	case err := <-result:
		return report(name, stderr, err, got)
	case again := <-signals:
		return report(name, stderr, fmt.Errorf("stopped at once by a second signal (%s)", again), got)
	case <-time.After(Drain):
		return report(name, stderr, fmt.Errorf("not stopped within %s", Drain), got)
	}
}

// report prints err and returns the exit code. Asked to stop by SIGTERM and stopped: 0. By Ctrl-C: 130.
func report(name string, stderr io.Writer, err error, got os.Signal) int {
	if err != nil && (got == nil || !errors.Is(err, context.Canceled)) {
		for _, line := range lines(err) {
			_, _ = fmt.Fprintf(stderr, "%s: %s\n", name, line)
		}
		if got == nil || got == syscall.SIGTERM {
			return exitCode(err)
		}
	}
	if got == syscall.SIGINT {
		return ExitInterrupted
	}
	return ExitOK
}

// Together runs components until ctx ends or one of them returns, then stops them in the order given, each after the one
// before has returned: first what takes work in, last what tells how things are. It returns what made it stop; nil
// where ctx ended and all went well.
func Together(ctx context.Context, components ...func(context.Context) error) error {
	type component struct {
		stop context.CancelFunc
		err  chan error
	}
	ended := make(chan struct{}, len(components))
	all := make([]component, 0, len(components))
	for _, work := range components {
		own, stop := context.WithCancel(context.WithoutCancel(ctx))
		defer stop()
		c := component{stop, make(chan error, 1)}
		all = append(all, c)
		go func() {
			c.err <- work(own)
			ended <- struct{}{}
		}()
	}
	select {
	case <-ctx.Done():
	case <-ended:
	}
	var errs []error
	for _, c := range all {
		c.stop()
		if err := <-c.err; err != nil && !errors.Is(err, context.Canceled) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
