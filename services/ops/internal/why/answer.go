package why

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ordersaga.internal/contracts"
	"ordersaga.internal/services/ops/internal/adminapi/manager"
	"ordersaga.internal/services/ops/internal/screen"
	"ordersaga.internal/services/ops/internal/tap"
)

// Answer is one sentence: why the order is where it is, and what to do where that is for somebody to do.
func (e *Evidence) Answer() string {
	if behind := e.behindLetter(); behind != "" {
		return behind
	}
	i := e.Instance
	switch {
	case i == nil:
		return e.notStarted()
	case i.Stuck != nil:
		return e.stuck()
	case final(string(i.State)):
		return e.ended()
	case i.Outstanding == nil:
		return "It is " + string(i.State) + " and waits for nothing, which must not be: tell an engineer."
	}
	return e.waits(i.Outstanding)
}

func (e *Evidence) known() bool {
	return e.row() != nil || e.Instance != nil || len(e.Messages) > 0
}

func (e *Evidence) behindLetter() string {
	for _, service := range []string{managers, orders, payment, warehouse} {
		t := e.Trails[service]
		if t == nil || len(t.DeadLetters) == 0 {
			continue
		}
		l := t.DeadLetters[0]
		behind := ""
		if n := len(t.DeadLetters) - 1; n > 0 {
			behind = fmt.Sprintf(", and %d more behind it", n)
		}
		return fmt.Sprintf("It waits behind a dead letter of %s since %s: %s (%s: %s)%s; `orderctl deadletters show %s %d`.",
			service, screen.Time(l.DeadAt), l.Type, l.Reason, l.Error, behind, service, l.Id)
	}
	return ""
}

func (e *Evidence) notStarted() string {
	switch {
	case !e.known():
		return "Nobody knows this order."
	case e.Trails[managers] == nil:
		return "The process manager does not answer: nobody can say."
	}
	if w := e.unpublishedBy(orders, "OrderPlaced"); w != "" {
		return w
	}
	for i := range e.Messages {
		if m := &e.Messages[i]; strings.HasPrefix(m.Type(), "OrderPlaced.") {
			if w := e.unread(managers, m); w != "" {
				return w
			}
			return "OrderPlaced is at " + m.Place() + " and was read, but there is no saga of it: tell an engineer."
		}
	}
	return "It was placed, but OrderPlaced is neither in Kafka nor in the outbox: tell an engineer."
}

// unpublishedBy says that a message waits for a relay, "" where it does not.
func (e *Evidence) unpublishedBy(service, name string) string {
	if t := e.Trails[service]; t != nil {
		for _, row := range t.Outbox {
			if n, _, _ := strings.Cut(row.Type, "."); n == name {
				return fmt.Sprintf("It waits for the relay of %s: %s is in the outbox since %s and not in Kafka; look at the program's log, and at Kafka.",
					service, name, screen.Time(row.CreatedAt))
			}
		}
	}
	return ""
}

// unread says that a service has not come to a message, "" where it has.
func (e *Evidence) unread(service string, m *tap.Record) string {
	next, ok := e.next(service, m.Topic)
	switch {
	case !ok:
		return fmt.Sprintf("It waits for %s to take %s at %s; %s does not answer.", service, m.Type(), m.Place(), service)
	case m.Offset >= next:
		return fmt.Sprintf("It waits for %s to read %s at %s: it has read the partition up to %d; does it run, and how far is it behind?",
			service, m.Type(), m.Place(), next)
	}
	return ""
}

func (e *Evidence) stuck() string {
	i := e.Instance
	out := "It is stuck: " + *i.Stuck
	for _, s := range i.Steps {
		if s.Outcome != manager.Owed {
			continue
		}
		if i.Outstanding != nil { // a retry would be refused: one at a time
			return fmt.Sprintf("%s. Its other compensations go on first. %s", out, e.waits(i.Outstanding))
		}
		return fmt.Sprintf("%s. Mend the cause, then `orderctl saga retry %s --step '%s' --reason …`; or settle it by hand, then `orderctl saga waive` the same.",
			out, i.OrderId, s.Step)
	}
	return fmt.Sprintf("%s. Look at `orderctl saga show %s`; `orderctl saga retry %s --reason …` sends the outstanding command again.", out, i.OrderId, i.OrderId)
}

func (e *Evidence) ended() string {
	i := e.Instance
	out := fmt.Sprintf("It is %s%s", i.State, e.cause())
	for _, s := range i.Steps {
		if s.Outcome == manager.Waived {
			out += fmt.Sprintf("; the undo of %s was waived", s.Step)
		}
	}
	if i.FinishedAt != nil {
		out += ", since " + screen.Time(*i.FinishedAt)
	}
	return out + "."
}

// cause is why an order came to another end than the one that was hoped for.
func (e *Evidence) cause() string {
	i := e.Instance
	switch {
	case i.State == manager.Cancelled:
		return ": the customer asked in time"
	case i.Failed == nil:
		return ""
	}
	reason := screen.Optional(i.Reason)
	if reason != string(contracts.ReasonTimedOut) {
		return fmt.Sprintf(": %s was refused (%s)", *i.Failed, reason)
	}
	if i.History != nil {
		for _, h := range *i.History {
			if h.Input == "saga.Unwind" && h.Effect == manager.EntryEffectApplied {
				return fmt.Sprintf(": %s had it unwound (%q)", screen.Optional(h.Operator), screen.Optional(h.Reason))
			}
		}
	}
	return fmt.Sprintf(": %s gave no answer in time", *i.Failed)
}

// waits says how far the outstanding command came.
func (e *Evidence) waits(o *manager.Outstanding) string {
	for _, row := range e.Trails[managers].Outbox {
		if row.MessageId == o.CommandId {
			name, _, _ := strings.Cut(row.Type, ".")
			return e.unpublishedBy(managers, name)
		}
	}
	var command *tap.Record
	for n := range slices.Backward(e.Messages) {
		if m := &e.Messages[n]; m.ID() == o.CommandId {
			command = m
			break
		}
	}
	plain := fmt.Sprintf("It waits for the answer to %s (attempt %d), which is sent again at %s", step(o), o.Attempt, screen.Time(o.ResendAt))
	if o.Deadline != nil {
		plain += " and given up at " + screen.Time(*o.Deadline)
	}
	if command == nil {
		return plain + "."
	}
	service := group(command.Topic)
	if w := e.unread(service, command); w != "" {
		return w
	}
	if w := e.calling(service, command.WrittenAt); w != "" {
		return w + e.storm(o)
	}
	for _, row := range e.Trails[service].Outbox {
		if row.CausationId != nil && *row.CausationId == o.CommandId {
			name, _, _ := strings.Cut(row.Type, ".")
			return e.unpublishedBy(service, name)
		}
	}
	for i := range e.Messages {
		if m := &e.Messages[i]; m.Cause() == o.CommandId {
			if w := e.unread(managers, m); w != "" {
				return w
			}
		}
	}
	return plain + "." + e.storm(o)
}

// calling says that payment waits for the provider, "" where it does not.
func (e *Evidence) calling(service string, since time.Time) string {
	if service != payment {
		return ""
	}
	for _, kind := range []string{capture, authorization} {
		o := e.operation(kind)
		if o == nil || o.DueAt == nil {
			continue
		}
		what := kind
		if o.State == "undoing" {
			what = "undo of the " + kind
		}
		if o.Attempts == 0 {
			return fmt.Sprintf("It waits for the payment provider, which payment calls for the %s.", what)
		}
		return fmt.Sprintf("It waits for the payment provider: %d calls for the %s since %s had no answer or an error; payment calls again at %s.",
			o.Attempts, what, screen.Time(since), screen.Time(*o.DueAt))
	}
	return ""
}

// storm adds that many other orders wait alike.
func (e *Evidence) storm(o *manager.Outstanding) string {
	for _, s := range e.Storms {
		if s.Step == o.Step {
			return fmt.Sprintf(" So do many others: a deadline storm of %s is on since %s, and none is undone for it (`orderctl saga storms --on`).",
				s.Step, screen.Time(s.BeganAt))
		}
	}
	return ""
}
