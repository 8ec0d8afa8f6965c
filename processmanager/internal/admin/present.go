package admin

import (
	"time"

	"ordersaga.internal/infra/telemetry"
	"ordersaga.internal/processmanager/internal/store"
)

func toInstance(r *store.Record) Instance {
	out := Instance{
		OrderId: r.ID, Definition: r.Definition, Version: r.Version, State: State(r.State), CustomerId: r.CustomerID,
		Partition: int(r.Partition), Cancelling: r.Cancelling, Failed: text(r.Failed), Reason: text(r.Reason), Stuck: text(r.Stuck),
		Steps: make([]Step, len(r.Steps)), TraceId: text(telemetry.TraceID(r.Traceparent)), Transitions: r.Transitions,
		PlacedAt: r.PlacedAt, StartedAt: r.StartedAt, UpdatedAt: r.UpdatedAt, FinishedAt: moment(r.FinishedAt),
	}
	for i, s := range r.Steps {
		out.Steps[i] = Step{
			Step: s.Step, Outcome: StepOutcome(s.Outcome), UndoAttempt: s.UndoAttempt, Failure: text(s.Failure),
		}
	}
	if o := r.Outstanding; o != nil {
		out.Outstanding = &Outstanding{
			CommandId: o.Command, Step: o.Step, Undo: o.Undo, Attempt: o.Attempt, ResendAt: o.ResendAt, Deadline: moment(o.Deadline),
		}
	}
	return out
}

func toEntry(e *store.Entry) Entry {
	out := Entry{
		At: e.At, InputId: e.InputID, Input: e.Input, Topic: text(e.Topic), Effect: EntryEffect(e.Note.Effect),
		From: string(e.Note.From), To: string(e.Note.To), Note: e.Note.Text, Commands: make([]Sent, len(e.Commands)),
		TraceId: text(e.TraceID), Operator: text(e.Operator), Reason: text(e.Reason),
	}
	if e.Topic != "" {
		out.Offset = &e.Offset
	}
	for i, c := range e.Commands {
		out.Commands[i] = Sent{Type: c.Type, Attempt: c.Attempt}
	}
	return out
}

// text is null where it is empty.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// moment is null where it is zero.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
