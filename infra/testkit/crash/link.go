package crash

import (
	"net"
	"sync"
)

// talk is a protocol: it finds the requests and answers in the bytes of one connection, where answers come in the order
// of their requests.
type talk interface {
	// ask returns the length of the first request in b, 0 where more bytes are needed, and its kind; "" where it is none that
	// is answered.
	ask(b []byte) (n int, kind string)
	// answer returns the length of the first message in b, 0 where more bytes are needed, and whether an answer ends with it.
	answer(b []byte) (n int, last bool)
}

// link is a connection that leaves whole requests only, and hands over whole messages only.
type link struct {
	net.Conn

	ports *Ports
	talk  talk

	writing sync.Mutex
	out     []byte // not yet a whole request

	reading sync.Mutex
	in      []byte // not yet looked at
	ready   []byte // to hand over
	lost    bool   // an answer was: nothing more is handed over

	mu      sync.Mutex
	waiting []*happen // of each request without an answer; nil where it is an ordinary one
}

func (l *link) Write(b []byte) (int, error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.out = append(l.out, b...)
	for {
		n, kind := l.talk.ask(l.out)
		if n == 0 {
			return len(b), nil
		}
		if kind != "" {
			h, err := l.ports.pass(kind)
			if err != nil {
				return 0, err
			}
			l.expect(h)
		}
		if _, err := l.Conn.Write(l.out[:n]); err != nil {
			return 0, err
		}
		l.out = append(l.out[:0], l.out[n:]...)
	}
}

func (l *link) Read(b []byte) (int, error) {
	l.reading.Lock()
	defer l.reading.Unlock()
	for {
		l.sort()
		if len(l.ready) > 0 {
			break
		}
		if l.lost {
			return 0, errReset
		}
		var chunk [16 << 10]byte
		n, err := l.Conn.Read(chunk[:])
		l.in = append(l.in, chunk[:n]...)
		if n == 0 && err != nil {
			return 0, err
		}
	}
	n := copy(b, l.ready)
	l.ready = append(l.ready[:0], l.ready[n:]...)
	return n, nil
}

// sort moves the messages that came to those to hand over. An answer that is to be lost ends the connection.
func (l *link) sort() {
	at := 0
	defer func() { l.in = append(l.in[:0], l.in[at:]...) }()
	for !l.lost {
		n, last := l.talk.answer(l.in[at:])
		if n == 0 {
			return
		}
		h := l.first()
		if h == nil {
			l.ready = append(l.ready, l.in[at:at+n]...)
		}
		at += n
		if !last {
			continue
		}
		l.done()
		if h != nil {
			l.lost = true
			l.ports.answered(h)
			_ = l.Close()
		}
	}
}

func (l *link) expect(h *happen) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, h)
}

func (l *link) first() *happen {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		return nil
	}
	return l.waiting[0]
}

func (l *link) done() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) > 0 {
		l.waiting = l.waiting[1:]
	}
}

func (l *link) Close() error {
	l.ports.forget(l)
	return l.Conn.Close()
}
