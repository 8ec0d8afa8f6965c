package cli

import (
	"fmt"
	"strconv"
	"strings"

	"ordersaga.internal/services/ops/internal/adminapi/manager"
	"ordersaga.internal/services/ops/internal/screen"
	"ordersaga.internal/services/ops/internal/tap"
)

// more tells how to read on.
func more(s *screen.Screen, rest string) error {
	if rest == "" {
		return nil
	}
	return s.Line("%s", screen.Dim("there are more: --cursor "+rest+", or --all"))
}

func showInstances(s *screen.Screen, items []manager.Instance, rest string) error {
	if s.JSON {
		return s.Encode(listed[manager.Instance]{items, rest}, true)
	}
	if len(items) == 0 {
		return s.Line("no instance")
	}
	rows := make([][]string, 0, len(items))
	for n := range items {
		i := &items[n]
		waits := ""
		if i.Outstanding != nil {
			waits = fmt.Sprintf("%s, attempt %d", waitsFor(i.Outstanding), i.Outstanding.Attempt)
		}
		why := screen.Optional(i.Reason)
		if i.Stuck != nil {
			why = screen.Bad("stuck: " + *i.Stuck)
		}
		rows = append(rows, []string{i.OrderId.String(), screen.State(string(i.State)), i.CustomerId, screen.Time(i.PlacedAt), waits, why})
	}
	if err := s.Table([]string{"ORDER", "STATE", "CUSTOMER", "PLACED", "WAITS FOR", "WHY"}, rows); err != nil {
		return err
	}
	return more(s, rest)
}

// listed is a page as JSON.
type listed[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor,omitempty"`
}

func showInstance(s *screen.Screen, i *manager.Instance) error {
	if s.JSON {
		return s.Encode(i, true)
	}
	finished, stuck := "", ""
	if i.FinishedAt != nil {
		finished = screen.Time(*i.FinishedAt)
	}
	if i.Stuck != nil {
		stuck = screen.Bad(*i.Stuck)
	}
	failed := screen.Optional(i.Failed)
	if reason := screen.Optional(i.Reason); reason != "" {
		failed += ": " + reason
	}
	cancelling := ""
	if i.Cancelling {
		cancelling = "the customer asked in time"
	}
	if err := s.Pairs([][2]string{
		{"order", i.OrderId.String()}, {"customer", i.CustomerId}, {"state", screen.State(string(i.State))}, {"stuck", stuck},
		{"failed", failed}, {"cancelling", cancelling}, {"waits for", outstanding(i.Outstanding)},
		{"placed", screen.Time(i.PlacedAt)}, {"finished", finished}, {"partition", strconv.Itoa(i.Partition)},
		{"definition", fmt.Sprintf("%s, version %d", i.Definition, i.Version)}, {"trace", screen.Optional(i.TraceId)},
	}...); err != nil {
		return err
	}
	return showSteps(s, i)
}

func outstanding(o *manager.Outstanding) string {
	if o == nil {
		return ""
	}
	out := fmt.Sprintf("%s, attempt %d; sent again at %s", waitsFor(o), o.Attempt, screen.Time(o.ResendAt))
	if o.Deadline != nil {
		out += ", given up at " + screen.Time(*o.Deadline)
	}
	return out + screen.Dim(" (command "+o.CommandId.String()+")")
}

func showSteps(s *screen.Screen, i *manager.Instance) error {
	rows := make([][]string, 0, len(i.Steps))
	for _, step := range i.Steps {
		outcome := string(step.Outcome)
		if step.Outcome == manager.Owed {
			outcome = screen.Bad(outcome)
		}
		attempts := ""
		if step.UndoAttempt > 0 {
			attempts = strconv.Itoa(step.UndoAttempt)
		}
		rows = append(rows, []string{step.Step, outcome, attempts, screen.Optional(step.Failure)})
	}
	if err := s.Line(""); err != nil {
		return err
	}
	if err := s.Table([]string{"STEP", "OUTCOME", "UNDO ATTEMPTS", "FAILURE"}, rows); err != nil {
		return err
	}
	if i.History == nil {
		return nil
	}
	if err := s.Line(""); err != nil {
		return err
	}
	rows = rows[:0]
	for n := range *i.History {
		e := &(*i.History)[n]
		place := ""
		if e.Topic != nil {
			place = tap.Place(*e.Topic, int32(i.Partition), *e.Offset)
		}
		rows = append(rows, []string{screen.Clock(e.At), e.Input, place, move(e), strings.Join(sent(e), ", "), said(e)})
	}
	return s.Table([]string{"AT", "INPUT", "FROM", "STATE", "SENT", "NOTE"}, rows)
}

// move is what an input did to the state.
func move(e *manager.Entry) string {
	switch {
	case e.Effect != manager.EntryEffectApplied:
		return string(e.Effect)
	case e.From == e.To:
		return e.To
	}
	return strings.TrimPrefix(e.From+" → "+e.To, " → ")
}

func sent(e *manager.Entry) (out []string) {
	for _, c := range e.Commands {
		name, _, _ := strings.Cut(c.Type, ".")
		if c.Attempt > 1 {
			name += fmt.Sprintf(" (attempt %d)", c.Attempt)
		}
		out = append(out, name)
	}
	return out
}

// said is the note of an entry and, where an operator wished it, who and why.
func said(e *manager.Entry) string {
	if e.Operator == nil {
		return e.Note
	}
	return strings.TrimPrefix(fmt.Sprintf("%s; %s: %q", e.Note, *e.Operator, screen.Optional(e.Reason)), "; ")
}

func showStorms(s *screen.Screen, items []manager.Storm, rest string) error {
	if s.JSON {
		return s.Encode(listed[manager.Storm]{items, rest}, true)
	}
	if len(items) == 0 {
		return s.Line("no storm")
	}
	rows := make([][]string, 0, len(items))
	for _, storm := range items {
		ended := screen.Bad("on")
		if storm.EndedAt != nil {
			ended = screen.Time(*storm.EndedAt)
		}
		why := ""
		if storm.Operator != nil {
			why = fmt.Sprintf("%s: %q", *storm.Operator, screen.Optional(storm.Reason))
		}
		rows = append(rows, []string{
			storm.StormId.String(), storm.Step, screen.Time(storm.BeganAt), ended, strconv.Itoa(storm.InFlight), strconv.Itoa(storm.Overdue),
			strconv.Itoa(storm.Answered), why,
		})
	}
	if err := s.Table([]string{"STORM", "STEP", "BEGAN", "ENDED", "IN FLIGHT", "OVERDUE", "ANSWERED", "RELEASED BY"}, rows); err != nil {
		return err
	}
	return more(s, rest)
}
