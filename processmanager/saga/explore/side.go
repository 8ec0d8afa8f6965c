package explore

import "ordersaga.internal/processmanager/saga"

// Participant is one service with its two topics, for one order.
type Participant struct {
	Name  string
	Side  Side         // as it is once the start event was published
	Takes []string     // wire types of its commands
	Sent  []saga.Input // its events so far, all of which were read; the start event is one of them
	// Supersedes returns the wire types of the commands that a command closes where they are dead-lettered; nil: none.
	Supersedes func(command saga.Message) []string
}

// Side is what a participant is at one moment: what it remembers and what it did. It is never changed.
type Side interface {
	// AppendKey appends what tells it from the participant's other sides: equal keys mean equal futures.
	AppendKey(b []byte) []byte
	// Take decides a command and returns every way in which that can go, at least one.
	Take(c saga.Outgoing) []Turn
	// Moves returns what can happen to it without a message.
	Moves() []Turn
}

// Turn is one way in which something can go.
type Turn struct {
	Text string // what is special about it, for the story: "the provider declines"; may be empty
	Cost Cost
	Next Side
	Sent []saga.Input
	Err  error // it must not happen
}

// Cost of a turn.
type Cost uint8

// The costs.
const (
	Calm   Cost = iota // happens sooner or later where nothing else goes wrong
	Choice             // free, but nothing may rely on it
	Fault              // one of the budget
)
