package saga_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"ordersaga.internal/processmanager/saga"
	"ordersaga.internal/processmanager/saga/sagatest"
)

// world is one instance, its participants, and the logs between them.
type world struct {
	def      *saga.Definition[string]
	instance saga.Instance[string]
	now      time.Time
	sides    []*side
	attempts map[uuid.UUID]int
	told     []string // the story so far, for when it fails
}

// side is one participant with its two logs and how far each was read.
type side struct {
	participant
	commands []saga.Outgoing
	handled  int
	events   []*saga.Input
	taken    int
	sequence int64
}

func newWorld(def *saga.Definition[string]) (*world, error) {
	w := &world{def: def, now: sagatest.Epoch, attempts: map[uuid.UUID]int{}}
	for _, s := range def.Steps {
		w.sides = append(w.sides, &side{participant: participant{step: s.Name}})
	}
	for _, end := range []string{saga.RejectStep, saga.CancelStep} {
		w.sides = append(w.sides, &side{participant: participant{step: end}})
	}
	start := saga.Input{ID: uuid.New(), Subject: uuid.New(), Body: placed{}}
	i, out, note, err := saga.Start(def, start, w.now)
	if err != nil {
		return nil, err
	}
	w.tell("Placed", note, out)
	before := w.instance
	w.instance = i
	return w, w.sent(before, out)
}

// input feeds the instance and checks what must hold at every moment.
func (w *world) input(in saga.Input) error {
	in.Subject = w.instance.ID
	before := w.instance
	i, out, note, err := saga.Apply(w.def, before, in, w.now)
	if err != nil {
		return err
	}
	w.tell(in.Body.WireType(), note, out)
	w.instance = i
	if before.State.Final() && (i.State != before.State || len(out) > 0) {
		return fmt.Errorf("%s was not the end: %s, %d commands", before.State, i.State, len(out))
	}
	if err := w.sent(before, out); err != nil {
		return err
	}
	return w.consistent(note)
}

// sent checks commands, and puts them on the logs.
func (w *world) sent(before saga.Instance[string], out []saga.Outgoing) error {
	for k, o := range out {
		if o.Sequence != before.Sequence+int64(k)+1 {
			return fmt.Errorf("%s has sequence %d after %d", o.Body.WireType(), o.Sequence, before.Sequence)
		}
		if o.Attempt != w.attempts[o.ID]+1 {
			return fmt.Errorf("%s is attempt %d after %d", o.Body.WireType(), o.Attempt, w.attempts[o.ID])
		}
		w.attempts[o.ID] = o.Attempt
		step, undo := address(o.Body)
		at := slices.IndexFunc(w.sides, func(s *side) bool { return s.step == step })
		if !undo && at > 0 && at < len(w.def.Steps) && w.instance.Steps[at-1].Outcome != saga.Succeeded {
			return fmt.Errorf("%s was sent while %s is %s", step, w.sides[at-1].step, w.instance.Steps[at-1].Outcome)
		}
		w.sides[at].commands = append(w.sides[at].commands, o)
	}
	return nil
}

// consistent checks what must hold between any two inputs.
func (w *world) consistent(note saga.Note) error {
	i := &w.instance
	owed := slices.ContainsFunc(i.Steps, func(p saga.Progress) bool {
		return p.Outcome == saga.Owed || p.Outcome == saga.Undoing && p.Failure != "" // or retried
	})
	switch {
	case note.Effect == saga.Jammed && !strings.Contains(note.Text, "failed for good"):
		return fmt.Errorf("it jammed: %s", note.Text)
	case owed != (i.Stuck != ""):
		return fmt.Errorf("owed is %t, stuck %q", owed, i.Stuck)
	case i.State.Final() && i.Outstanding != nil:
		return fmt.Errorf("%s, yet %s is outstanding", i.State, i.Outstanding.Step)
	case !i.State.Final() && i.Outstanding == nil && !owed:
		return fmt.Errorf("%s, and nothing is outstanding or owed", i.State)
	case i.State == saga.Ending && owed:
		return fmt.Errorf("the end command was sent while a compensation is owed")
	}
	if i.State == saga.Running || i.State == saga.Completed {
		return nil
	}
	for k, p := range i.Steps {
		if w.def.Steps[k].Kind != saga.Compensatable && p.Outcome != saga.Refused {
			return fmt.Errorf("%s, though %s is %s", i.State, p.Step, p.Outcome)
		}
	}
	return nil
}

// settled checks what must hold at the end: everything was done, or all is as before.
func (w *world) settled() error {
	i := &w.instance
	if want := i.State == saga.Completed; want {
		for k, s := range w.def.Steps {
			if !w.sides[k].effective || i.Steps[k].Outcome != saga.Succeeded {
				return fmt.Errorf("completed, but %s is %s and its participant says %t",
					s.Name, i.Steps[k].Outcome, w.sides[k].effective)
			}
		}
		return nil
	}
	if i.Cancelling != (i.State == saga.Cancelled) {
		return fmt.Errorf("cancelling is %t, it ended %s", i.Cancelling, i.State)
	}
	for k := range w.def.Steps {
		waived := k < len(i.Steps) && i.Steps[k].Outcome == saga.Waived
		if w.sides[k].effective && !waived {
			return fmt.Errorf("%s, but what %s did stands", i.State, w.sides[k].step)
		}
		if k < len(i.Steps) {
			if o := i.Steps[k].Outcome; o != saga.Refused && o != saga.Undone && o != saga.Waived {
				return fmt.Errorf("%s, but %s is %s", i.State, w.sides[k].step, o)
			}
		}
	}
	return nil
}

// handle lets a participant take its next command.
func (w *world) handle(s *side, f fate, undoFails bool) {
	if s.handled == len(s.commands) {
		return
	}
	o := s.commands[s.handled]
	s.handled++
	var answer *saga.Input
	if _, undo := address(o.Body); undo {
		answer = s.undo(o, undoFails, s.emit)
	} else {
		answer = s.do(o, w.fair(s, f), s.emit)
	}
	s.publish(answer)
}

// decide lets a participant answer what it pondered.
func (w *world) decide(s *side, f fate) {
	s.publish(s.participant.decide(saga.CommandID(w.instance.ID, s.step, false), w.fair(s, f), s.emit))
}

// fair is a fate that a step may have: what is retriable is never refused.
func (w *world) fair(s *side, f fate) fate {
	k := slices.Index(w.sides, s)
	if f == refuses && (k >= len(w.def.Steps) || w.def.Steps[k].Kind == saga.Retriable) {
		return grants
	}
	return f
}

// take feeds the instance the next event of a participant.
func (w *world) take(s *side) error {
	if s.taken == len(s.events) {
		return nil
	}
	in := *s.events[s.taken]
	s.taken++
	return w.input(in)
}

func (s *side) emit(command uuid.UUID, name, why string) *saga.Input {
	s.sequence++
	return &saga.Input{ID: uuid.New(), Causation: command, Sequence: s.sequence, Body: refusal{name, why}}
}

func (s *side) publish(in *saga.Input) {
	if in != nil {
		s.events = append(s.events, in)
	}
}

// calm delivers everything without faults, waits where nothing moves, and lets an operator retry, until it is over.
func (w *world) calm() error {
	for range 200 {
		quiet := true
		for _, s := range w.sides {
			for s.handled < len(s.commands) {
				quiet = false
				w.handle(s, grants, false)
			}
			w.decide(s, grants)
			for s.taken < len(s.events) {
				quiet = false
				if err := w.take(s); err != nil {
					return err
				}
			}
		}
		o := w.instance.Outstanding
		switch {
		case !quiet:
		case w.instance.State.Final():
			return nil
		case o == nil:
			if err := w.input(saga.Input{Body: saga.Retry{}}); err != nil {
				return err
			}
		default:
			w.now = o.Due()
			if err := w.input(saga.Input{Body: saga.Due{}}); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("it never ends: %s, stuck %q", w.instance.State, w.instance.Stuck)
}

func (w *world) tell(what string, note saga.Note, out []saga.Outgoing) {
	line := fmt.Sprintf("%s %s: %s (%s)", w.now.Format(time.TimeOnly), what, note.Effect, note.Text)
	for _, o := range out {
		line += fmt.Sprintf(" → %s#%d", o.Body.WireType(), o.Attempt)
	}
	w.told = append(w.told, line)
}

func (w *world) story() string { return strings.Join(w.told, "\n") }
