package crash

import (
	"context"
	"net"
	"sync"
	"syscall"
)

// Ports are the ways out of one incarnation of a program. Every round trip to the outside passes them; where one is
// planned to fail they make it fail, and when the incarnation dies they are dead at once: nothing more goes out or comes
// in, whatever its goroutines still try.
type Ports struct {
	// Dead ends with the incarnation's life: at a planned crash, or when its end has come.
	Dead context.Context //nolint:containedctx // it is a life, not a call's
	die  context.CancelFunc

	mu     sync.Mutex
	script *script // nil while nothing is counted
	links  map[*link]struct{}
	killed bool // by a fault
}

func newPorts(s *script) *Ports {
	p := &Ports{script: s, links: map[*link]struct{}{}}
	p.Dead, p.die = context.WithCancel(context.Background())
	return p
}

// follow makes the script count from now on; nil ends the counting.
func (p *Ports) follow(s *script) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.script = s
}

// cut is what kill -9 does to a process's connections.
func (p *Ports) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutLocked()
}

func (p *Ports) cutLocked() {
	p.die()
	for l := range p.links {
		_ = l.Conn.Close()
	}
	clear(p.links)
}

// crashed tells whether a fault has killed the incarnation.
func (p *Ports) crashed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.killed
}

// happen is set on a request whose answer must not come through.
type happen struct {
	mode   Mode
	script *script
}

// pass lets a round trip out, or not. What it returns is to be kept with the request: once its answer is there, it
// happens.
func (p *Ports) pass(kind string) (*happen, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.Dead.Err() != nil {
		return nil, errReset
	}
	if p.script == nil {
		return nil, nil
	}
	switch mode := p.script.pass(kind); mode {
	case "":
		return nil, nil
	case Before:
		p.killed = true
		p.cutLocked()
		p.script.happened()
		return nil, errReset
	default:
		return &happen{mode, p.script}, nil
	}
}

// answered is called instead of handing over the answer of a request that happens: its effect is there now.
func (p *Ports) answered(h *happen) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.Dead.Err() != nil {
		return // it died of something else meanwhile
	}
	if h.mode == After {
		p.killed = true
		p.cutLocked()
	}
	h.script.happened()
}

// The errors that a program sees are those of a network.
var (
	errReset   error = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	errRefused error = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
)

// dial opens a connection whose round trips pass the ports.
func (p *Ports) dial(ctx context.Context, network, addr string, t talk) (net.Conn, error) {
	if p.Dead.Err() != nil {
		return nil, errRefused
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	l := &link{Conn: conn, ports: p, talk: t}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.Dead.Err() != nil {
		_ = conn.Close()
		return nil, errRefused
	}
	p.links[l] = struct{}{}
	return l, nil
}

func (p *Ports) forget(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.links, l)
}
