package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress is a bar on a terminal and a line every few seconds elsewhere.
type progress struct {
	mu       sync.Mutex
	out      io.Writer
	terminal bool
	bar      *progressbar.ProgressBar
	phase    string
	done, of int64
	told     time.Time
}

// tellEvery is how often a line is written where there is no terminal.
const tellEvery = 2 * time.Second

func newProgress(out io.Writer) *progress {
	f, ok := out.(*os.File)
	return &progress{out: out, terminal: ok && term.IsTerminal(int(f.Fd()))} //nolint:gosec // a descriptor
}

func (p *progress) Phase(what string, records int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish()
	p.phase, p.done, p.of, p.told = what, 0, records, time.Now()
	if records == 0 {
		return
	}
	if p.terminal {
		p.bar = progressbar.NewOptions64(records, progressbar.OptionSetWriter(p.out), progressbar.OptionSetDescription(what),
			progressbar.OptionShowIts(), progressbar.OptionSetItsString("records"), progressbar.OptionShowCount(),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionSetWidth(30))
		return
	}
	_, _ = fmt.Fprintf(p.out, "%s: %d records\n", what, records)
}

func (p *progress) Add(records int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += records
	if p.bar != nil {
		_ = p.bar.Add64(records)
	} else if time.Since(p.told) > tellEvery {
		p.told = time.Now()
		_, _ = fmt.Fprintf(p.out, "%s: %d of %d records\n", p.phase, p.done, p.of)
	}
}

func (p *progress) Note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	_, _ = fmt.Fprintf(p.out, format+"\n", args...)
}

func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finish()
}

func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
		_, _ = fmt.Fprintln(p.out)
		p.bar = nil
	}
}
