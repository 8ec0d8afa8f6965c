package guard

import (
	"errors"
	"sync"
	"time"
)

// What the breaker looks back on, in steps of a second.
const breakerWindow = 10

// breakerProbes is how many calls try again at once.
const breakerProbes = 10

// errOpen says that the breaker let nobody through.
var errOpen = errors.New("the breaker is open")

type breakerState int

const (
	closed  breakerState = iota // calls go through
	trying                      // some do
	blocked                     // none does
)

// breaker keeps calls from a provider that does not answer. It opens, and after a pause lets a few calls through and closes
// again, by one and the same measure: whether more than half got no answer. Some calls never get one, whatever the
// provider's state (a card whose bank hangs); just after an outage they are many among those that wait. A breaker that
// wants every probe answered would stay open for them.
type breaker struct {
	calls int           // fewest in the window that it opens for
	pause time.Duration // how long it stays open

	mu      sync.Mutex
	state   breakerState
	turn    int                  // counts the states, so that a call from an earlier one is not counted in a later
	seconds [breakerWindow]tally // a ring
	last    int64                // the second that was counted last
	until   time.Time            // open
	probes  int                  // let through, and not yet back without having said anything
	probed  tally                // what they said
}

// tally counts calls by whether they were answered.
type tally struct{ answered, unanswered int }

func (t *tally) add(answered bool) {
	if answered {
		t.answered++
	} else {
		t.unanswered++
	}
}

// verdict on a call.
type verdict int

const (
	answered verdict = iota
	unanswered
	nothing // its caller gave up: it says nothing about the provider
)

// enter returns errOpen, or the turn to leave with when the call is over.
func (b *breaker) enter(now time.Time) (turn int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == blocked && !now.Before(b.until) {
		b.become(trying)
	}
	switch {
	case b.state == blocked, b.state == trying && b.probes == breakerProbes:
		return 0, errOpen
	case b.state == trying:
		b.probes++
	}
	return b.turn, nil
}

// leave counts what came of a call.
func (b *breaker) leave(turn int, v verdict, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case turn != b.turn:
	case b.state == closed && v != nothing:
		b.count(v == answered, now)
	case b.state == trying && v == nothing:
		b.probes--
	case b.state == trying:
		b.probed.add(v == answered)
		switch {
		case 2*b.probed.answered >= breakerProbes:
			b.become(closed)
		case 2*b.probed.unanswered > breakerProbes:
			b.open(now)
		}
	}
}

// count adds a call to the window, and opens where too many got no answer.
func (b *breaker) count(answered bool, now time.Time) {
	for second := now.Unix(); b.last < second; {
		b.last = max(b.last+1, second-breakerWindow)
		b.seconds[b.last%breakerWindow] = tally{}
	}
	b.seconds[b.last%breakerWindow].add(answered)
	var sum tally
	for _, s := range b.seconds {
		sum.answered += s.answered
		sum.unanswered += s.unanswered
	}
	if all := sum.answered + sum.unanswered; all >= b.calls && 2*sum.unanswered > all {
		b.open(now)
	}
}

func (b *breaker) open(now time.Time) {
	b.until = now.Add(b.pause)
	b.become(blocked)
}

func (b *breaker) become(s breakerState) {
	b.state, b.probes, b.probed = s, 0, tally{}
	b.turn++
	if s == closed {
		b.seconds = [breakerWindow]tally{}
	}
}

// now tells the state for the metric.
func (b *breaker) now() breakerState {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}
