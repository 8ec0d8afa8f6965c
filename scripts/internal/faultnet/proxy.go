package faultnet

import (
	"fmt"
	"net"
	"sync"
	"time"
)

const dialTimeout = 2 * time.Second

// Proxy listens on 127.0.0.1 in place of a server.
type Proxy struct {
	listener net.Listener
	target   string
	route    func(client net.Conn) (*Link, []byte, error)
	commits  bool // the server is PostgreSQL
	work     sync.WaitGroup

	mu     sync.Mutex
	closed bool
	all    map[net.Conn]struct{}
}

// Postgres returns a proxy of one program before a PostgreSQL server ("host:port"), and its link. The program must
// connect without TLS.
func Postgres(program, target string) (*Proxy, *Link, error) {
	l := newLink(program + " to postgres")
	p, err := listen(target, always(l), true)
	return p, l, err
}

// Plain returns a proxy of one program before any server, and its link.
func Plain(program, server, target string) (*Proxy, *Link, error) {
	l := newLink(program + " to " + server)
	p, err := listen(target, always(l), false)
	return p, l, err
}

func always(l *Link) func(net.Conn) (*Link, []byte, error) {
	return func(net.Conn) (*Link, []byte, error) { return l, nil, nil }
}

func listen(target string, route func(net.Conn) (*Link, []byte, error), commits bool) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("proxy before %s: %w", target, err)
	}
	p := &Proxy{listener: l, target: target, route: route, commits: commits, all: map[net.Conn]struct{}{}}
	p.work.Go(p.accept)
	return p, nil
}

// Addr is where clients connect, "127.0.0.1:port".
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Close ends the proxy and every connection.
func (p *Proxy) Close() {
	_ = p.listener.Close() // it can only be closed already
	p.mu.Lock()
	p.closed = true
	for c := range p.all {
		reset(c)
	}
	p.mu.Unlock()
	p.work.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.work.Go(func() { p.serve(client) })
	}
}

// hold remembers a socket, so that Close ends it.
func (p *Proxy) hold(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all[c] = struct{}{}
	return !p.closed
}

func (p *Proxy) drop(c net.Conn) {
	p.mu.Lock()
	delete(p.all, c)
	p.mu.Unlock()
	_ = c.Close() // it may be closed already
}

func (p *Proxy) serve(client net.Conn) {
	defer p.drop(client)
	if !p.hold(client) {
		return
	}
	link, head, err := p.route(client)
	if err != nil {
		return
	}
	c := &conn{link: link, client: client, done: make(chan struct{})}
	server, err := net.DialTimeout("tcp", p.target, dialTimeout)
	if err != nil {
		return // the client sees a broken connection, as without a proxy
	}
	defer p.drop(server)
	if !p.hold(server) {
		return
	}
	c.server = server
	if !link.enter(c) {
		return
	}
	defer link.leave(c)
	if _, err := server.Write(head); err != nil {
		return
	}
	var asked, said func([]byte) bool
	if p.commits {
		requests, answers := &commitRequests{}, &commitReader{}
		asked = func(b []byte) bool { return requests.read(b) && link.dropCommit() }
		said = func(b []byte) bool { return answers.read(b) && link.loseCommit() }
	}
	c.run(asked, said)
}
