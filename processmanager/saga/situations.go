package saga

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// situation is an instance that stands for all that are alike: same state, same outstanding command, same flags.
type situation[D any] struct {
	name     string
	instance Instance[D]
}

// trial is one input tried on a situation.
type trial struct {
	name string
	in   Input
	now  time.Time
}

// situations finds every situation that a definition can be in, breadth first, by trying every input on each.
func situations[D any](def *Definition[D]) ([]situation[D], error) {
	var zero D
	id := uuid.NewSHA1(uuid.Nil, []byte(def.Name))
	now := time.Unix(0, 0).UTC()
	first := Instance[D]{ID: id, Definition: def.Name, Version: def.Version, State: Running, Data: zero}
	t := transition[D]{def: def, now: now, next: first}
	t.begin(0)
	if t.err != nil {
		return nil, t.err
	}
	found := []situation[D]{{situationName(&t.next), t.next}}
	seen := map[string]bool{found[0].name: true}
	for n := 0; n < len(found); n++ {
		for _, tr := range trials(def, &found[n].instance) {
			next, _, note, err := Apply(def, found[n].instance, tr.in, tr.now)
			if err != nil {
				return nil, err
			}
			name := situationName(&next)
			if seen[name] || note.Effect == Jammed && !brokenOff(&next) {
				continue
			}
			seen[name] = true
			found = append(found, situation[D]{name, next})
		}
	}
	return found, nil
}

// brokenOff tells whether an instance is stuck because a compensation failed, not because of what should never happen.
func brokenOff[D any](i *Instance[D]) bool {
	owed := false
	for _, p := range i.Steps {
		owed = owed || p.Outcome == Owed
		if p.Failure == assertionFailed {
			return false
		}
	}
	return owed
}

func situationName[D any](i *Instance[D]) string {
	name := string(i.State)
	if i.Outstanding != nil {
		name += ", waiting for " + describe(i.Outstanding)
		if i.Outstanding.Undo && i.Steps[position(i, i.Outstanding.Step)].Failure != "" {
			name += " once more"
		}
	}
	if i.Cancelling && !i.State.Final() && i.State != Ending {
		name += ", cancelling"
	}
	var owed []string
	for _, p := range i.Steps {
		if p.Outcome == Owed {
			owed = append(owed, p.Step)
		}
	}
	if len(owed) > 0 {
		name += ", owed: " + strings.Join(owed, " and ")
	}
	return name
}

func position[D any](i *Instance[D], step string) int {
	for k := range i.Steps {
		if i.Steps[k].Step == step {
			return k
		}
	}
	return -1
}

// unheardOf is an event that no definition binds.
type unheardOf struct{}

func (unheardOf) WireType() string { return "an event that the table does not name" }

// trials lists every input once, in the order of the table. Answers name their own command and are newer than all before.
func trials[D any](def *Definition[D], i *Instance[D]) []trial {
	now := time.Unix(0, 0).UTC()
	var list []trial
	event := func(m Message, cause uuid.UUID) {
		if m != nil {
			in := Input{Subject: i.ID, Causation: cause, Sequence: newer(i), Body: m}
			list = append(list, trial{ShortName(m), in, now})
		}
	}
	own := func(name string, m Message, at time.Time) {
		list = append(list, trial{name, Input{Subject: i.ID, Body: m}, at})
	}
	event(def.Start.event, uuid.Nil)
	event(def.Cancel, uuid.Nil)
	for _, m := range def.Ignored {
		event(m, uuid.Nil)
	}
	for k := range def.Steps {
		s := &def.Steps[k]
		do, undo := CommandID(i.ID, s.Name, false), CommandID(i.ID, s.Name, true)
		event(s.Done, do)
		event(s.Refused, do)
		event(s.Undone, undo)
		event(s.UndoFailed, undo)
	}
	event(def.Rejected.Done, CommandID(i.ID, RejectStep, false))
	event(def.Cancelled.Done, CommandID(i.ID, CancelStep, false))
	event(unheardOf{}, uuid.Nil)
	if o := i.Outstanding; o != nil {
		own("Due too early", Due{}, o.Due().Add(-1))
		own("Due to re-send", Due{}, o.ResendAt)
		if !o.Deadline.IsZero() {
			own("Due at the deadline", Due{}, o.Deadline)
		}
	} else {
		own("Due", Due{}, now)
	}
	own("Redriven", Redriven{}, now)
	own("Retry", Retry{}, now)
	for k := range def.Steps {
		own(fmt.Sprintf("Waive %q", def.Steps[k].Name), Waive{Step: def.Steps[k].Name}, now)
	}
	own("Unwind", Unwind{}, now)
	return list
}

func newer[D any](i *Instance[D]) int64 {
	sequence := int64(1)
	for _, p := range i.Steps {
		sequence = max(sequence, p.Answered+1)
	}
	return sequence
}
