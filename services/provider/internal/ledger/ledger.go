// Package ledger is a durable, append-only file of lines. Lines that are appended while the device is busy share the next
// fsync (group commit), so that durability costs one fsync for many requests. Nobody is answered before the fsync that
// covers what they were told.
package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// ErrClosed is returned by a ticket whose line was appended after Close.
var ErrClosed = errors.New("ledger is closed")

// Observer is told how long an fsync took and how many lines it covered.
type Observer func(took time.Duration, lines int)

// Ledger is safe for concurrent use.
type Ledger struct {
	file    *os.File
	path    string
	observe Observer
	durable atomic.Int64 // bytes that are on the device

	mu     sync.Mutex
	open   *group // collects until the writer takes it
	taken  *group // the last that the writer took
	closed bool
	wake   chan struct{}
	done   chan struct{} // the writer has ended
	failed chan struct{} // closed at the first write error; err tells it
	err    error
}

// group is the lines that one fsync covers.
type group struct {
	lines   []byte
	count   int
	settled chan struct{}
	err     error // read after settled
}

// Ticket stands for an appended line. The zero Ticket is durable already.
type Ticket struct{ group *group }

// Wait returns nil once the line is on the device. Errors: what writing said, ErrClosed, ctx's error.
func (t Ticket) Wait(ctx context.Context) error {
	if t.group == nil {
		return nil
	}
	select {
	case <-t.group.settled:
		return t.group.err
	default:
	}
	select {
	case <-t.group.settled:
		return t.group.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Open replays the lines of the file at path, oldest first, and opens it for appending. The file is made where there is
// none. A torn last line (the process died while writing it, so nobody was answered) is cut off. Errors: what replay
// said, with the line's number; I/O.
func Open(path string, replay func(line []byte) error, observe Observer) (*Ledger, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open ledger: %w", err)
	}
	size, err := recoverLines(file, replay)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if err := syncFolder(path); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if observe == nil {
		observe = func(time.Duration, int) {}
	}
	l := &Ledger{
		file: file, path: path, observe: observe,
		open: newGroup(nil), wake: make(chan struct{}, 1), done: make(chan struct{}), failed: make(chan struct{}),
	}
	l.durable.Store(size)
	go l.write()
	return l, nil
}

func newGroup(lines []byte) *group { return &group{lines: lines[:0], settled: make(chan struct{})} }

// Append adds a line, which must not contain a line feed, and copies it. Lines are written in the order of the calls.
func (l *Ledger) Append(line []byte) Ticket {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		g := newGroup(nil)
		g.err = ErrClosed
		close(g.settled)
		return Ticket{g}
	}
	l.open.lines = append(append(l.open.lines, line...), '\n')
	l.open.count++
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return Ticket{l.open}
}

// Barrier returns a ticket for everything appended so far.
func (l *Ledger) Barrier() Ticket {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open.count > 0 {
		return Ticket{l.open}
	}
	return Ticket{l.taken}
}

// write is the only writer. After an error nothing more is written: memory is ahead of the file, so the program has to
// end (see Failed) and replay.
func (l *Ledger) write() {
	defer close(l.done)
	var spare []byte
	for range l.wake {
		l.mu.Lock()
		g := l.open
		l.open, l.taken = newGroup(spare), g
		l.mu.Unlock()
		if g.count == 0 {
			spare = g.lines
			close(g.settled)
			continue
		}
		if l.err == nil {
			l.flush(g)
		}
		g.err = l.err
		spare, g.lines = g.lines, nil
		close(g.settled)
	}
}

func (l *Ledger) flush(g *group) {
	begun := time.Now()
	n, err := l.file.Write(g.lines)
	if err == nil {
		err = syncData(l.file)
	}
	if err != nil {
		l.err = fmt.Errorf("write ledger: %w", err)
		close(l.failed)
		return
	}
	l.durable.Add(int64(n))
	l.observe(time.Since(begun), g.count)
}

// Failed is closed when the ledger can no longer be written.
func (l *Ledger) Failed() <-chan struct{} { return l.failed }

// Read returns everything that is on the device now. The caller closes it.
func (l *Ledger) Read() (io.ReadCloser, error) {
	size := l.durable.Load()
	file, err := os.Open(l.path)
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(file, size), file}, nil
}

// Size is how many bytes are on the device.
func (l *Ledger) Size() int64 { return l.durable.Load() }

// Lines returns whole lines that are on the device, from the given byte on, as many as fit into limit. It returns nothing
// where there are none yet. Errors: I/O; a line that is longer than limit.
func (l *Ledger) Lines(from int64, limit int) ([]byte, error) {
	lines := make([]byte, max(0, min(l.Size()-from, int64(limit))))
	if len(lines) == 0 {
		return nil, nil
	}
	if _, err := l.file.ReadAt(lines, from); err != nil {
		return nil, fmt.Errorf("read ledger at %d: %w", from, err)
	}
	end := bytes.LastIndexByte(lines, '\n') + 1
	if end == 0 {
		return nil, fmt.Errorf("read ledger at %d: a line of more than %d bytes", from, limit)
	}
	return lines[:end], nil
}

// Close writes what was appended and closes the file.
func (l *Ledger) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	select { // the writer takes what is left, then finds the channel closed
	case l.wake <- struct{}{}:
	default:
	}
	close(l.wake)
	l.mu.Unlock()
	<-l.done
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("close ledger: %w", err)
	}
	return l.err
}
