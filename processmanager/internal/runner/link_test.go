package runner_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
)

// link is the way of one process to the broker, which can be cut.
type link struct {
	mu   sync.Mutex
	down bool
	live map[net.Conn]struct{}
}

func newLink() *link { return &link{live: map[net.Conn]struct{}{}} }

var errCut = errors.New("the link is cut")

func (l *link) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return nil, errors.Join(errCut, conn.Close())
	}
	l.live[conn] = struct{}{}
	return conn, nil
}

// cut ends all connections and lets no new ones be made, until mend.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = true
	for c := range l.live {
		_ = c.Close()
	}
	clear(l.live)
}

func (l *link) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = false
}

// logs keeps what a process logged.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// lines counts those of a level that hold a text.
func (l *logs) lines(level, text string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.buf.String()) {
		if strings.Contains(line, "level="+level) && strings.Contains(line, text) {
			n++
		}
	}
	return n
}
