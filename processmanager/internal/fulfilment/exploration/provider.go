package exploration

import (
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/processmanager/saga/explore"
)

// ledger is what the provider did.
type ledger struct {
	authorized, captured entry
	voided, refunded     bool
	undos                [2]string // under the key of the outstanding void or refund: "", done, refused
}

// entry is what the provider remembers under the key of a do: "", done, refused or closed.
type entry string

func (l *ledger) of(captures bool) *entry {
	if captures {
		return &l.captured
	}
	return &l.authorized
}

func (l *ledger) undo(captures bool) *string {
	if captures {
		return &l.undos[1]
	}
	return &l.undos[0]
}

// moves are what the provider and the calls to it can do.
func (p payment) moves() []move[payment] {
	return append(p.movesOf(false), p.movesOf(true)...)
}

func (p payment) movesOf(captures bool) []move[payment] {
	op, name := *p.of(captures), "authorization: "
	if captures {
		name = "capture: "
	}
	var list []move[payment]
	add := func(text string, cost explore.Cost, act func(*payment, *messaging.Fence) ([]messaging.Message, error)) {
		list = append(list, move[payment]{name + text, cost, act})
	}
	silent := func(act func(*payment)) func(*payment, *messaging.Fence) ([]messaging.Message, error) {
		return func(p *payment, _ *messaging.Fence) ([]messaging.Message, error) {
			act(p)
			return nil, nil
		}
	}
	switch {
	case op.state == "intended" && op.call == asking:
		add("the provider does it", explore.Calm, silent(func(p *payment) { p.execute(captures, "done") }))
		if *p.ledger.of(captures) == "" {
			add("the provider refuses it", explore.Choice, silent(func(p *payment) { p.execute(captures, "refused") }))
		}
	case op.state == "intended":
		add("the provider's answer arrives", explore.Calm, settle(captures))
	case op.state == "undoing" && !op.settled:
		add("it is closed at the provider and read", explore.Calm, silent(func(p *payment) { p.shut(captures) }))
		if *p.ledger.of(captures) == "" {
			add("the call whose answer nobody awaits is done", explore.Choice, silent(func(p *payment) { p.arrive(captures, "done") }))
			add("the call whose answer nobody awaits is refused", explore.Choice, silent(func(p *payment) { p.arrive(captures, "refused") }))
		}
	case op.state == "undoing" && op.call == asking:
		add("the provider undoes it", explore.Calm, silent(func(p *payment) { p.undo(captures, "done") }))
		if *p.ledger.undo(captures) == "" {
			add("the provider refuses to undo it for good", explore.Fault, silent(func(p *payment) { p.undo(captures, "refused") }))
		}
	case op.state == "undoing":
		add("the provider's answer to the undo arrives", explore.Calm, reverse(captures))
	}
	if op.call == answered {
		add("the provider's answer is lost, it is asked again", explore.Fault, silent(func(p *payment) { p.lose(captures) }))
	}
	if op.late {
		add("the late answer to the do arrives", explore.Calm, late(captures))
	}
	return list
}

// arrive is a do that reaches the provider: the first counts, whatever is repeated under its key.
func (p *payment) arrive(captures bool, want entry) {
	e := p.ledger.of(captures)
	switch {
	case *e != "":
	case captures && (p.ledger.authorized != "done" || p.ledger.voided):
		*e = "refused"
	default:
		*e = want
	}
}

func (p *payment) execute(captures bool, want entry) {
	p.arrive(captures, want)
	p.of(captures).call = answered
}

// shut closes the do at the provider, so that it can no longer come, and learns what became of it.
func (p *payment) shut(captures bool) {
	op, e := p.of(captures), p.ledger.of(captures)
	if *e == "" {
		*e = "closed"
	}
	op.settled, op.did = true, *e == "done"
	if !op.did {
		op.call = answered
	}
}

// lose is an answer that never comes: the call is repeated with the same key, from the beginning.
func (p *payment) lose(captures bool) {
	op := p.of(captures)
	op.call = asking
	if op.state == "undoing" && !op.did {
		op.settled = false
	}
}

// undo is a void or refund that reaches the provider. Of what is not held any more nothing is let go.
func (p *payment) undo(captures bool, want string) {
	u := p.ledger.undo(captures)
	if *u == "" {
		*u = want
		switch {
		case want != "done":
		case captures:
			p.ledger.refunded = true
		case p.ledger.captured != "done":
			p.ledger.voided = true
		}
	}
	p.of(captures).call = answered
}

func operationOf(captures bool) messaging.Operation {
	if captures {
		return capture
	}
	return authorization
}

// settle takes the provider's answer to a do.
func settle(captures bool) func(*payment, *messaging.Fence) ([]messaging.Message, error) {
	return func(p *payment, f *messaging.Fence) ([]messaging.Message, error) {
		op := p.of(captures)
		op.settled, op.call = true, ""
		if op.did = *p.ledger.of(captures) == "done"; op.did {
			op.state = "done"
			return f.Answer(order, operationOf(captures), false, done(captures))
		}
		op.state = "refused"
		return f.Answer(order, operationOf(captures), false, refused(captures))
	}
}

// late is the answer to a do whose undo was accepted meanwhile: the fence has to keep it back.
func late(captures bool) func(*payment, *messaging.Fence) ([]messaging.Message, error) {
	return func(p *payment, f *messaging.Fence) ([]messaging.Message, error) {
		p.of(captures).late = false
		if *p.ledger.of(captures) == "done" {
			return f.Answer(order, operationOf(captures), false, done(captures))
		}
		return f.Answer(order, operationOf(captures), false, refused(captures))
	}
}

// reverse takes the provider's answer to an undo. One that failed for good gets another key when it is tried again.
func reverse(captures bool) func(*payment, *messaging.Fence) ([]messaging.Message, error) {
	return func(p *payment, f *messaging.Fence) ([]messaging.Message, error) {
		op := p.of(captures)
		op.call = ""
		if *p.ledger.undo(captures) == "refused" {
			*p.ledger.undo(captures) = ""
			op.state = "undo_failed"
			op.failures++
			return f.Fail(order, operationOf(captures), failed(captures))
		}
		op.state = "undone"
		return f.Answer(order, operationOf(captures), true, reversed(captures))
	}
}
