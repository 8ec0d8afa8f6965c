package faultnet

import (
	"net"
	"sync"
	"time"
)

// conn is one connection through a proxy: two sockets, and a pump for each direction.
type conn struct {
	link           *Link
	client, server net.Conn
	done           chan struct{}
	once           sync.Once
}

// end closes both sides after one of them did. Like breakOff it may be called many times.
func (c *conn) end() {
	c.once.Do(func() {
		close(c.done)
		_ = c.client.Close() // what cannot be closed is closed
		_ = c.server.Close()
	})
}

// breakOff ends both sides at once.
func (c *conn) breakOff() {
	c.once.Do(func() {
		close(c.done)
		reset(c.client)
		reset(c.server)
	})
}

// reset closes so that the other side sees a broken connection, not a finished one.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // it is closed in any case
	}
	_ = c.Close() // both sides of a cut are beyond complaint
}

// piece is data on its way.
type piece struct {
	data []byte
	due  time.Time
}

const (
	pieceSize = 32 << 10
	inTransit = 64 // pieces that may be on their way before the sender has to wait
)

// run pumps until either side ends. asked and said see what client and server say before it goes on, and return true where
// the connection must end instead; they may be nil.
func (c *conn) run(asked, said func([]byte) bool) {
	var both sync.WaitGroup
	both.Go(func() { c.pump(c.server, c.client, asked) })
	both.Go(func() { c.pump(c.client, c.server, said) })
	both.Wait()
}

// pump carries data from one side to the other. Reading goes on while pieces wait for their time.
func (c *conn) pump(to, from net.Conn, watch func([]byte) bool) {
	defer c.end()
	transit := make(chan piece, inTransit)
	var writing sync.WaitGroup
	writing.Go(func() {
		defer c.end()
		c.deliver(to, transit)
	})
	defer writing.Wait()
	defer close(transit)
	buffer := make([]byte, pieceSize)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if watch != nil && watch(buffer[:n]) {
				c.breakOff()
				return
			}
			p := piece{append([]byte(nil), buffer[:n]...), c.link.due(time.Now())}
			select {
			case transit <- p:
			case <-c.done:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// deliver writes each piece when its time has come and the link is not silent, until there are no more.
func (c *conn) deliver(to net.Conn, transit <-chan piece) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for p := range transit {
		if wait := time.Until(p.due); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-c.done:
				return
			}
		}
		select {
		case <-c.link.gate():
		case <-c.done:
			return
		}
		if _, err := to.Write(p.data); err != nil {
			return
		}
	}
}
