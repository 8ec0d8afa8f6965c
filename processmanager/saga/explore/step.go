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
)

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

// tell says what happens in a step, as a line of a story.
func (t *tables[D]) tell(s *step) string {
	who, what := "process manager", ""
	if s.at != manager {
		who = t.config.Participants[s.at].Name
	}
	switch {
	case s.action == moves || s.action == wishes || s.action == overdue:
	case s.at == manager:
		e := t.event(s.message)
		what = fmt.Sprintf("%s (sequence %d)", saga.ShortName(e.Body), e.Sequence)
	default:
		c := t.command(s.message)
		what = fmt.Sprintf("%s (attempt %d)", saga.ShortName(c.Body), c.Attempt)
	}
	line := who + ": "
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
	case w == redriven:
		return "the last dead letter was handled"
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
