// Command explore walks every way in which an order can go, up to a number of faults, through the real definition, the real
// engine and the real fence. Exit codes: 0 everything holds, 1 something does not, 2 usage, 130 interrupted.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"ordersaga.internal/processmanager/internal/fulfilment"
	"ordersaga.internal/processmanager/internal/fulfilment/exploration"
	"ordersaga.internal/processmanager/saga/explore"
)

const (
	exitFails       = 1
	exitUsage       = 2
	exitInterrupted = 130
)

type options struct {
	faults  int
	workers int
	limit   int
	output  string
	quiet   bool
}

var errUsage = errors.New("usage")

func parse(args []string, out io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("explore", flag.ContinueOnError)
	f.SetOutput(out)
	f.Usage = func() {
		fmt.Fprint(out, `Walks every way in which one order can go, with every combination of up to so many faults: messages that come twice or
are lost, rewinds, re-sends, deadlines, dead letters with redrive, lost answers of the provider, compensations that fail. Refusals
and a cancellation come anywhere and cost nothing. A violation is told as the shortest story that leads to it.

  scripts/explore -k 4          minutes, a few GB
  scripts/explore -o json

`)
		f.PrintDefaults()
	}
	f.IntVar(&o.faults, "k", exploration.Usual, "faults; each more takes ten times as long")
	f.StringVar(&o.output, "o", "text", "text or json")
	f.IntVar(&o.workers, "workers", runtime.NumCPU(), "that explore at once")
	f.IntVar(&o.limit, "limit", 60_000_000, "states, after which to give up; a million takes about 200 MB")
	f.BoolVar(&o.quiet, "quiet", false, "no progress on standard error")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	switch {
	case f.NArg() > 0:
		return o, fmt.Errorf("%w: unknown argument %q", errUsage, f.Arg(0))
	case o.faults < 0 || o.faults > 8:
		return o, fmt.Errorf("%w: -k %d: 0 to 8 faults", errUsage, o.faults)
	case o.output != "text" && o.output != "json":
		return o, fmt.Errorf("%w: -o %q: text or json", errUsage, o.output)
	case o.workers < 1 || o.limit < 1:
		return o, fmt.Errorf("%w: -workers and -limit are 1 or more", errUsage)
	}
	return o, nil
}

func main() {
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-interrupted
		os.Exit(exitInterrupted)
	}()
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, out, progress io.Writer) int {
	o, err := parse(args, progress)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintln(progress, "error:", err)
		return exitUsage
	case err != nil: // flag said it
		return exitUsage
	}
	begin := time.Now()
	c := exploration.Config(fulfilment.Newest, o.faults)
	c.Workers, c.Limit = o.workers, o.limit
	if !o.quiet {
		c.Progress = follow(progress, begin)
	}
	result, err := explore.Explore(c)
	if err == nil {
		var r report
		if r, err = newReport(o.faults, result, time.Since(begin)); err == nil {
			err = r.write(out, o.output)
		}
		if err == nil && !r.Holds {
			return exitFails
		}
	}
	if err != nil {
		fmt.Fprintln(progress, "error:", err)
		return exitFails
	}
	return 0
}

const followEvery = 5 * time.Second

// follow tells now and then how far it is.
func follow(out io.Writer, begin time.Time) func(faults, states int) {
	said := begin
	return func(faults, states int) {
		if now := time.Now(); now.Sub(said) >= followEvery {
			said = now
			fmt.Fprintf(out, "%5.0f s  at %d faults, %s states so far\n", now.Sub(begin).Seconds(), faults, thousands(states))
		}
	}
}
