package faultnet

import (
	"sync"
	"time"
)

// Link is the network between one program and one server. All methods are safe for concurrent use; without a fault it
// only passes bytes on.
type Link struct {
	name string

	mu     sync.Mutex
	live   map[*conn]struct{}
	refuse bool
	delay  time.Duration
	open   chan struct{} // closed while bytes pass
	lose   int           // COMMIT answers still to lose
	drop   int           // COMMITs still to drop
	seen   Seen
}

// Seen counts what a link's faults really did.
type Seen struct {
	Cut     int // connections that were ended
	Refused int // connections that were not let through
	Held    int // pieces of data that a silence kept back
	Delayed int // pieces of data that came late
	Lost    int // answers to a COMMIT, of a transaction that wrote, that nobody got
	Dropped int // COMMITs of a transaction that wrote that never came to the server
}

func newLink(name string) *Link {
	open := make(chan struct{})
	close(open)
	return &Link{name: name, live: map[*conn]struct{}{}, open: open}
}

// Name says whose link it is: "payment-1 to broker".
func (l *Link) Name() string { return l.name }

// Seen returns what the faults did so far.
func (l *Link) Seen() Seen {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seen
}

// Cut ends every connection, as a reset does, and returns how many. With refuse no new one is let through until Heal.
func (l *Link) Cut(refuse bool) int {
	l.mu.Lock()
	l.refuse = refuse
	n := len(l.live)
	l.seen.Cut += n
	ends := make([]*conn, 0, n)
	for c := range l.live {
		ends = append(ends, c)
	}
	l.mu.Unlock()
	for _, c := range ends {
		c.breakOff()
	}
	return n
}

// Silence keeps every byte back, either way, until Heal: connections stay, and nobody is told.
func (l *Link) Silence() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.open:
		l.open = make(chan struct{})
	default: // silent already
	}
}

// Delay makes every byte come so much later, either way, until Heal.
func (l *Link) Delay(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay = d
}

// LoseCommits ends the next n connections on which the server answers the COMMIT of a transaction that wrote something,
// in place of that answer: it happened, and the program cannot know.
func (l *Link) LoseCommits(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lose = n
}

// DropCommits ends the next n connections on which the program sends such a COMMIT, in place of it: it did not happen, and
// the program cannot know.
func (l *Link) DropCommits(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop = n
}

// Heal ends every fault but LoseCommits and DropCommits, which end with n = 0.
func (l *Link) Heal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refuse, l.delay = false, 0
	select {
	case <-l.open:
	default:
		close(l.open)
	}
}

// enter takes a connection in, unless the link is down.
func (l *Link) enter(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuse {
		l.seen.Refused++
		return false
	}
	l.live[c] = struct{}{}
	return true
}

func (l *Link) leave(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.live, c)
}

// due tells when a piece of data that came now is to go on.
func (l *Link) due(now time.Time) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.delay > 0 {
		l.seen.Delayed++
	}
	return now.Add(l.delay)
}

// gate returns a channel that is closed once bytes may pass.
func (l *Link) gate() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.open:
	default:
		l.seen.Held++
	}
	return l.open
}

// loseCommit tells whether the answer to a COMMIT is to be lost.
func (l *Link) loseCommit() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lose == 0 {
		return false
	}
	l.lose--
	l.seen.Lost++
	return true
}

// dropCommit tells whether a COMMIT is to be dropped.
func (l *Link) dropCommit() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.drop == 0 {
		return false
	}
	l.drop--
	l.seen.Dropped++
	return true
}
