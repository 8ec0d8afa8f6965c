package why

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"ordersaga.internal/infra/program"
)

// Report is all that is said of an order.
type Report struct {
	OrderID  uuid.UUID `json:"order_id"`
	TraceID  string    `json:"trace_id,omitempty"`
	State    string    `json:"state,omitempty"`
	Answer   string    `json:"answer"`
	Known    bool      `json:"known"`    // somebody knows the order
	AddsUp   bool      `json:"adds_up"`  // nothing that could be read contradicts anything else
	Complete bool      `json:"complete"` // everybody answered
	Findings []string  `json:"findings"` // what does not add up
	Notes    []string  `json:"notes"`    // what could not be judged
	Away     []string  `json:"away"`     // who did not answer
	Timeline []Moment  `json:"timeline"`
	ReadAt   time.Time `json:"read_at"`
}

// Report judges the evidence.
func (e *Evidence) Report() Report {
	r := Report{
		OrderID: e.Order, ReadAt: e.ReadAt, Timeline: e.Timeline(), Answer: e.Answer(), Away: e.Away, Complete: len(e.Away) == 0,
	}
	r.Findings, r.Notes = e.Findings()
	if e.Instance != nil {
		r.State = string(e.Instance.State)
		if e.Instance.TraceId != nil {
			r.TraceID = *e.Instance.TraceId
		}
	}
	r.Known, r.AddsUp = e.known(), len(r.Findings) == 0
	return r
}

const (
	looks = 3 // at an order that moves while it is looked at
	pause = time.Second
)

// Ask gathers and judges. What does not add up is looked at again: while an order moves, two questions may see it in two places.
func (s Sources) Ask(ctx context.Context, order uuid.UUID) (Report, error) {
	for look := 1; ; look++ {
		e, err := s.Gather(ctx, order)
		if err != nil {
			return Report{}, err
		}
		r := e.Report()
		if r.AddsUp || look == looks || !e.known() {
			return r, nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return Report{}, ctx.Err()
		case <-timer.C:
		}
	}
}

// fatal errors concern every question: there is no use in going on.
func fatal(err error) bool { return errors.Is(err, program.ErrUsage) }
