package saga

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Errors of Start and Apply: mistakes of the caller, which no input of the outside world can cause.
var (
	ErrWrongDefinition = errors.New("the instance belongs to another definition or version")
	ErrNotStarting     = errors.New("the input does not start an instance")
	ErrNoBody          = errors.New("the input has no body")
	ErrNoCommand       = errors.New("the definition returned no command")
)

// Start makes the instance of in.Subject from its start event and returns its first command.
func Start[D any](def *Definition[D], in Input, now time.Time) (Instance[D], []Outgoing, Note, error) {
	if in.Body == nil {
		return Instance[D]{}, nil, Note{}, ErrNoBody
	}
	data, ok := def.Start.data(in.Body)
	if !ok {
		return Instance[D]{}, nil, Note{}, fmt.Errorf("%w: %s", ErrNotStarting, in.Body.WireType())
	}
	t := transition[D]{def: def, now: now, next: Instance[D]{
		ID: in.Subject, Definition: def.Name, Version: def.Version, State: Running, Data: data,
		Steps: make([]Progress, 0, len(def.Steps)),
	}}
	t.say("started")
	t.begin(0)
	if t.err != nil {
		return Instance[D]{}, nil, Note{}, t.err
	}
	return t.next, t.out, Note{Effect: Applied, Text: t.text, To: t.next.State}, nil
}

// Apply moves an instance by one input and returns it with the commands to send. It is pure: the given instance stays as
// it was. On effects other than Applied and Jammed nothing changed and nothing is sent. A copy of an Instance is a snapshot:
// no Apply changes what it points to.
func Apply[D any](def *Definition[D], i Instance[D], in Input, now time.Time) (Instance[D], []Outgoing, Note, error) {
	if i.Definition != def.Name || i.Version != def.Version {
		return i, nil, Note{}, fmt.Errorf("%w: %s v%d given, it has %s v%d",
			ErrWrongDefinition, def.Name, def.Version, i.Definition, i.Version)
	}
	if in.Body == nil {
		return i, nil, Note{}, ErrNoBody
	}
	t := transition[D]{def: def, now: now, next: i}
	t.next.Steps = append(make([]Progress, 0, len(def.Steps)), i.Steps...)
	effect := t.apply(in)
	if t.err != nil {
		return i, nil, Note{}, t.err
	}
	note := Note{Effect: effect, Text: t.text, From: i.State, To: i.State}
	if effect != Applied && effect != Jammed {
		return i, nil, note, nil
	}
	note.To = t.next.State
	return t.next, t.out, note, nil
}

// transition is one Apply at work. next starts as a copy of the instance whose Steps are its own; Outstanding is never
// changed in place.
type transition[D any] struct {
	def  *Definition[D]
	now  time.Time
	next Instance[D]
	out  []Outgoing
	text string
	err  error
}

func (t *transition[D]) apply(in Input) Effect {
	switch body := in.Body.(type) {
	case Due:
		return t.due(body)
	case Redriven:
		return t.redriven()
	case Retry:
		return t.retry(body)
	case Waive:
		return t.waive(body)
	case Unwind:
		return t.forceUnwind(body)
	}
	b, bound := t.def.table.bindings[in.Body.WireType()]
	switch {
	case !bound && t.next.State.Final():
		return t.note(Late, "it is over")
	case !bound:
		return t.jam("no step knows " + in.Body.WireType())
	case b.role == starts:
		return t.note(Ignored, "started already")
	case b.role == ignored:
		return t.note(Ignored, "none of this saga's business")
	case b.role == cancels:
		return t.cancel()
	default:
		return t.answer(b, in)
	}
}

// cancel sets the flag; the next answer or deadline decides (rule 6).
func (t *transition[D]) cancel() Effect {
	i := &t.next
	switch {
	case i.State.Final():
		return t.note(Ignored, "it is over")
	case i.Cancelling:
		return t.note(Ignored, "cancelling already")
	case i.State == Ending:
		return t.note(Ignored, "too late: the end command was sent")
	case i.State == Running && t.row(i.Outstanding.Step).kind == Retriable:
		return t.note(Ignored, "too late: there is no way back")
	}
	i.Cancelling = true
	t.say("cancellation noted")
	if i.Outstanding != nil {
		t.say("waiting for the answer to " + i.Outstanding.Step)
	}
	return Applied
}

// begin sends the command of the next step, or completes the instance where there is none.
func (t *transition[D]) begin(k int) {
	if k == len(t.def.Steps) {
		t.next.State, t.next.Outstanding = Completed, nil
		t.say("completed")
		return
	}
	r := &t.def.table.rows[k]
	t.next.Steps = append(t.next.Steps, Progress{Step: r.name, Outcome: Open})
	t.say(r.name + " begun")
	t.sendFirst(k, false)
}

// jam makes the instance stuck: it goes on taking inputs, and the next proper answer clears the flag.
func (t *transition[D]) jam(why string) Effect {
	t.next.Stuck = why
	return t.note(Jammed, why)
}

// settleStuck clears the flag unless a compensation is owed, or was and is being retried.
func (t *transition[D]) settleStuck() {
	t.next.Stuck = ""
	for _, p := range t.next.Steps {
		if p.Outcome != Owed && (p.Outcome != Undoing || p.Failure == "") {
			continue
		}
		if t.next.Stuck == "" {
			t.next.Stuck = "compensation owed: "
		} else {
			t.next.Stuck += ", "
		}
		t.next.Stuck += p.Step + " (" + p.Failure + ")"
	}
}

func (t *transition[D]) row(name string) *row[D] {
	return &t.def.table.rows[t.def.table.row(name)]
}

func (t *transition[D]) say(text string) {
	if t.text != "" {
		t.text += "; "
	}
	t.text += text
}

func (t *transition[D]) note(e Effect, text string) Effect {
	t.text = text
	return e
}

// CommandID is the id of a step's command or compensation, the same at every sending (rule 4).
func CommandID(saga uuid.UUID, step string, undo bool) uuid.UUID {
	if undo {
		return uuid.NewSHA1(saga, []byte(step+"/undo"))
	}
	return uuid.NewSHA1(saga, []byte(step+"/do"))
}
