package saga_test

import (
	"fmt"
	"strings"

	"github.com/google/uuid"
	"ordersaga.internal/processmanager/saga"
)

// participant is a naive model of one step's participant: its fence (rules 3 and 4), and whether what it did is in effect.
type participant struct {
	step                 string
	doSeen, undoSeen     int  // highest attempts
	accepted, undoWanted bool // its do is in progress or done; its undo was accepted
	effective            bool // what it did stands
	doAnswer, undoAnswer *saga.Input
}

// emitter makes a new event: it gives it an id and the next sequence.
type emitter func(command uuid.UUID, name, why string) *saga.Input

// fate is what the world decides when a participant is asked.
type fate int

const (
	grants fate = iota
	refuses
	ponders // accepts and answers later
)

// do handles a forward command. answer gives an event its sequence.
func (p *participant) do(o saga.Outgoing, f fate, emit emitter) *saga.Input {
	if o.Attempt <= p.doSeen {
		return nil
	}
	p.doSeen = o.Attempt
	switch {
	case p.doAnswer != nil:
		return p.doAnswer
	case p.undoWanted:
		p.doAnswer = emit(o.ID, p.step+" refused", "superseded")
		return p.doAnswer
	case p.accepted: // still open
		return nil
	}
	p.accepted = true
	if f == ponders {
		return nil
	}
	return p.decide(o.ID, f, emit)
}

// decide answers what was accepted before; a do whose undo was accepted meanwhile is closed without a message.
func (p *participant) decide(command uuid.UUID, f fate, emit emitter) *saga.Input {
	if !p.accepted || p.doAnswer != nil || p.undoWanted {
		return nil
	}
	if f == refuses {
		p.doAnswer = emit(command, p.step+" refused", "declined")
	} else {
		p.effective = true
		p.doAnswer = emit(command, p.step+" done", "")
	}
	return p.doAnswer
}

// undo handles a compensation.
func (p *participant) undo(o saga.Outgoing, fails bool, emit emitter) *saga.Input {
	if o.Attempt <= p.undoSeen {
		return nil
	}
	p.undoSeen, p.undoWanted = o.Attempt, true
	switch {
	case p.undoAnswer != nil:
	case fails:
		return emit(o.ID, p.step+" undo failed", "closed")
	default:
		p.effective = false
		p.undoAnswer = emit(o.ID, p.step+" undone", "")
	}
	return p.undoAnswer
}

// chain is a saga of any shape: its messages are named after its steps.
func chain(compensatable int, pivot bool, retriable int) *saga.Definition[string] {
	d := saga.Definition[string]{
		Name: "chain", Version: 1,
		Start:  saga.On(func(placed) string { return "" }),
		Cancel: msg("cancel asked"),
	}
	add := func(k saga.Kind) {
		name := fmt.Sprintf("step%d", len(d.Steps))
		s := saga.Step[string]{Name: name, Kind: k, Resend: resend, Do: sends(name + " do"), Done: msg(name + " done")}
		if k != saga.Retriable {
			s.Refused = msg(name + " refused")
		}
		if k == saga.Compensatable {
			s.Timeout, s.Undo, s.Undone = timeout, sends(name+" undo"), msg(name+" undone")
			s.UndoFailed = msg(name + " undo failed")
		}
		d.Steps = append(d.Steps, s)
	}
	for range compensatable {
		add(saga.Compensatable)
	}
	if pivot {
		add(saga.Pivot)
	}
	for range retriable {
		add(saga.Retriable)
	}
	d.Rejected = saga.End[string]{Do: ends("reject do"), Done: msg("reject done")}
	d.Cancelled = saga.End[string]{Do: ends("cancel do"), Done: msg("cancel done")}
	return saga.Define(d)
}

// address splits a chain's command into its step and whether it is an undo.
func address(command saga.Message) (step string, undo bool) {
	step, verb, _ := strings.Cut(command.WireType(), " ")
	return step, verb == "undo"
}
