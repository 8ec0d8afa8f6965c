package explore

import (
	"fmt"

	"ordersaga.internal/processmanager/saga"
)

// action is what kind of thing happens in a step.
type action uint8

const (
	takes    action = iota // a message is read and decided
	repeats                // a message that was read before is published once more, and read
	redrives               // the first dead letter is decided
	sets                   // a message cannot be decided: it is set aside
	waits                  // a message is set aside behind another
	loses                  // the log loses a message
	rewinds                // a reader reads again from a place before
	moves                  // a participant does something by itself
	wishes                 // the clock or an operator speaks
	overdue                // a deadline passes, and the answer is in the log or set aside
	swaps                  // another definition takes the place of the one that the instance began with
)

// Kind of a fault.
type Kind string

// The kinds.
const (
	Repeated Kind = "a message comes once more"
	Rewound  Kind = "a reader is rewound"
	Lost     Kind = "the log loses a message"
	SetAside Kind = "a message becomes a dead letter"
	Resent   Kind = "a command is sent again though its answer is on its way"
	GivenUp  Kind = "a deadline passes"
	Unwound  Kind = "an operator unwinds"
	Own      Kind = "a participant's own: a provider's answer is lost, an undo is refused for good"
)

// FaultOf describes a fault.
type FaultOf struct {
	Kind    Kind
	Whom    string // a participant's name, or "process manager"
	Message string // that is read, or sent, without its version; "" where it is about none
	Text    string // of a participant's own
}

// fault describes a step that is one.
func (w *worker[D]) fault(s *step) FaultOf {
	f := FaultOf{Kind: s.kind(), Whom: w.t.whom(s)}
	switch {
	case s.action == moves:
		f.Text = s.text
	case s.action > moves:
		if len(s.out) > 0 {
			f.Message = saga.ShortName(w.command(s.out[0].message).Body)
		}
	case s.at == manager:
		f.Message = saga.ShortName(w.event(s.message).Body)
	default:
		f.Message = saga.ShortName(w.command(s.message).Body)
	}
	return f
}

// kind is what a step is where it is a fault.
func (s *step) kind() Kind {
	switch s.action {
	case repeats:
		return Repeated
	case rewinds:
		return Rewound
	case loses:
		return Lost
	case sets:
		return SetAside
	case wishes, overdue:
		switch {
		case s.action == wishes && s.wish == operatorUnwinds:
			return Unwound
		case s.action == wishes && s.wish != clockGivesUp:
			return Resent
		}
		return GivenUp
	default:
		return Own
	}
}

// step is one thing that happens in a world. at is the participant, or manager.
type step struct {
	action action
	cost   Cost
	at     int
	topic  int // whose topic is read, where at is the manager
	message
	wish wish
	text string
	sent []message // by a participant
	out  []sent    // by the process manager
	err  error
}

// whom says whom a step is about.
func (t *tables[D]) whom(s *step) string {
	if s.at == manager {
		return "process manager"
	}
	return t.config.Participants[s.at].Name
}

// tell says what happens in a step, as a line of a story.
func (t *tables[D]) tell(s *step) string {
	what := ""
	switch {
	case s.action >= moves:
	case s.at == manager:
		e := t.event(s.message)
		what = fmt.Sprintf("%s (sequence %d)", saga.ShortName(e.Body), e.Sequence)
	default:
		c := t.command(s.message)
		what = fmt.Sprintf("%s (attempt %d)", saga.ShortName(c.Body), c.Attempt)
	}
	line := t.whom(s) + ": "
	switch s.action {
	case takes:
		line += "takes " + what
	case repeats:
		line += what + " comes once more"
	case redrives:
		line += "redriven, takes " + what
	case sets:
		line += what + " becomes a dead letter"
	case waits:
		line += what + " waits behind a dead letter"
	case loses:
		line += what + " is lost"
	case rewinds:
		line += "rewound, will read again from " + what
	case moves:
	case overdue:
		line += "a deadline passes, its answer unread in the log or set aside"
	case swaps:
		line += "from now on the instance is decided by another definition"
	case wishes:
		line += s.wish.tell()
	}
	if s.text != "" {
		if s.action != moves {
			line += ": "
		}
		line += s.text
	}
	for _, m := range s.sent {
		e := t.event(m)
		line += fmt.Sprintf(" → %s (sequence %d)", saga.ShortName(e.Body), e.Sequence)
	}
	for _, o := range s.out {
		c := t.command(o.message)
		line += fmt.Sprintf(" → %s (attempt %d)", saga.ShortName(c.Body), c.Attempt)
	}
	return line
}

func (w wish) tell() string {
	switch {
	case w == clockResends:
		return "it is time to send again"
	case w == clockGivesUp:
		return "the deadline passes, nothing is in the log"
	case w == clockFires:
		return "the deadline that passed is fired"
	case w == clockHolds:
		return "the deadline that passed is held, and it is time to send again"
	case w == redriven:
		return "its deadline starts anew"
	case w == operatorSends:
		return "an operator sends again"
	case w == operatorUnwinds:
		return "an operator unwinds"
	case w >= operatorWaives:
		return "an operator waives"
	default:
		return "an operator retries"
	}
}
