package why

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ordersaga.internal/services/ops/internal/adminapi/manager"
	"ordersaga.internal/services/ops/internal/screen"
	"ordersaga.internal/services/ops/internal/tap"
)

// Moment is one thing that happened to the order, or will.
type Moment struct {
	At     time.Time `json:"at"`
	What   string    `json:"what"`  // request, message, transition, outbox, dead letter, provider, timer
	Where  string    `json:"where"` // place in Kafka, or the program
	Name   string    `json:"name"`
	Detail string    `json:"detail,omitempty"`
}

// The kinds of moments.
const (
	request    = "request"
	message    = "message"
	transition = "transition"
	outbox     = "outbox"
	deadLetter = "dead letter"
	provider   = "provider"
	timer      = "timer"
)

// Timeline is the order's life, oldest first, and what is still to come.
func (e *Evidence) Timeline() []Moment {
	// At one time causes stand before what they caused.
	out := slices.Concat(e.requests(), e.transitions(), e.messages(), e.unpublished(), e.letters(), e.calls(), e.timers())
	slices.SortStableFunc(out, func(a, b Moment) int { return a.At.Compare(b.At) })
	return out
}

func (e *Evidence) requests() (out []Moment) {
	if r := e.row(); r != nil {
		out = append(out, Moment{r.PlacedAt, request, orders, "POST /v1/orders", fmt.Sprintf("%s, %s, %s", r.CustomerID, screen.Money(r.TotalMinor, r.Currency), r.PaymentMethod)})
	}
	return out
}

func (e *Evidence) messages() (out []Moment) {
	for i := range e.Messages {
		m := &e.Messages[i]
		detail := m.Problem
		if detail == "" {
			detail = screen.Body(m.Data)
		}
		if n := m.Attempt(); n > 1 {
			detail = strings.TrimSpace(fmt.Sprintf("attempt %d  %s", n, detail))
		}
		out = append(out, Moment{m.Moment(), message, m.Place(), m.Type(), detail})
	}
	return out
}

func (e *Evidence) transitions() (out []Moment) {
	if e.Instance == nil || e.Instance.History == nil {
		return nil
	}
	for i := range *e.Instance.History {
		h := &(*e.Instance.History)[i]
		name := h.To
		switch {
		case h.Effect != manager.EntryEffectApplied:
			name = string(h.Effect)
		case h.From != "" && h.From != h.To:
			name = h.From + " → " + h.To
		}
		detail := "by " + h.Input
		if h.Note != "" {
			detail += "; " + h.Note
		}
		if h.Operator != nil {
			detail += fmt.Sprintf("; %s: %q", *h.Operator, screen.Optional(h.Reason))
		}
		out = append(out, Moment{h.At, transition, managers, name, detail})
	}
	return out
}

func (e *Evidence) unpublished() (out []Moment) {
	for _, service := range []string{orders, payment, warehouse, managers} {
		if t := e.Trails[service]; t != nil {
			for _, row := range t.Outbox {
				out = append(out, Moment{row.CreatedAt, outbox, service, row.Type, "not published yet, for " + row.Topic})
			}
		}
	}
	return out
}

func (e *Evidence) letters() (out []Moment) {
	for _, service := range []string{orders, payment, warehouse, managers} {
		if t := e.Trails[service]; t != nil {
			for _, l := range t.DeadLetters {
				detail := fmt.Sprintf("%s, from %s", l.Reason, tap.Place(l.Topic, l.Partition, l.Offset))
				if l.Error != "" {
					detail += ": " + l.Error
				}
				out = append(out, Moment{l.DeadAt, deadLetter, service, l.Type, detail})
			}
		}
	}
	return out
}

func (e *Evidence) calls() (out []Moment) {
	for _, c := range e.Ledger {
		detail := c.Outcome
		if c.AmountMinor > 0 {
			detail += " " + screen.Money(c.AmountMinor, c.Currency)
		}
		if c.Code != "" {
			detail += ": " + c.Code
		}
		out = append(out, Moment{c.At, provider, "ledger", c.Operation, detail})
	}
	return out
}

// timers are the moments at which something happens by itself.
func (e *Evidence) timers() (out []Moment) {
	if e.Instance != nil && e.Instance.Outstanding != nil {
		o := e.Instance.Outstanding
		out = append(out, Moment{o.ResendAt, timer, managers, "send again", step(o)})
		if o.Deadline != nil {
			out = append(out, Moment{*o.Deadline, timer, managers, "deadline", step(o)})
		}
	}
	for _, kind := range []string{authorization, capture} {
		if o := e.operation(kind); o != nil && o.DueAt != nil {
			out = append(out, Moment{*o.DueAt, timer, payment, "call again", fmt.Sprintf("%s %s, %d calls without an answer", kind, o.State, o.Attempts)})
		}
	}
	return out
}

const (
	authorization = "authorization"
	capture       = "capture"
)

// step names the outstanding command.
func step(o *manager.Outstanding) string {
	if o.Undo {
		return "undo of " + o.Step
	}
	return o.Step
}
