package explore

import (
	"errors"
	"fmt"

	"ordersaga.internal/processmanager/saga"
)

// wish is an input of the instance that is no message: of the clock, of an operator, of redriving.
type wish uint16

// The wishes. The last two are followed by the number of the step that they name.
const (
	clockResends  wish = iota // it is time to send the outstanding command again
	clockGivesUp              // the deadline passes and is fired at once
	clockFires                // the deadline had passed
	clockHolds                // the deadline had passed, and does not count for now
	clockIsEarly              // a timer of before comes late
	redriven                  // the last dead letter was handled
	operatorSends             // the outstanding command again
	operatorUnwinds
	operatorRetries wish = 100
	operatorWaives  wish = 200
)

// applied is what an input does to an instance.
type applied struct {
	instance uint32
	changed  bool
	sent     []sent
	text     string
	err      error
}

type sent struct {
	to int
	message
}

// input returns what Apply is given for a wish: the instance with its clock set, the input, and its name in the table.
func (t *tables[D]) input(f *form[D], w wish) (i saga.Instance[D], in saga.Input, name string) {
	i = f.Instance
	o := saga.Outstanding{}
	if i.Outstanding != nil {
		o = *i.Outstanding
		i.Outstanding = &o
	}
	var body saga.Message = saga.Due{}
	switch {
	case w == clockResends:
		o.ResendAt, name = now, "Due to re-send"
	case w == clockGivesUp:
		o.Deadline, name = now, "Due at the deadline"
	case w == clockFires:
		name = "Due at the deadline"
	case w == clockHolds:
		body, name = saga.Due{Held: true}, "Due, held"
		o.ResendAt = now
	case w == clockIsEarly && i.Outstanding == nil:
		name = "Due"
	case w == clockIsEarly:
		name = "Due too early"
	case w == redriven:
		body, name = saga.Redriven{}, "Redriven"
	case w == operatorSends:
		body, name = saga.Retry{}, "Retry"
	case w == operatorUnwinds:
		body, name = saga.Unwind{}, "Unwind"
	case w >= operatorWaives:
		step := t.config.Definition.Steps[w-operatorWaives].Name
		body, name = saga.Waive{Step: step}, fmt.Sprintf("Waive %q", step)
	default:
		step := t.config.Definition.Steps[w-operatorRetries].Name
		body, name = saga.Retry{Step: step}, fmt.Sprintf("Retry %q", step)
		if n := len(f.owed); n > 0 && f.owed[n-1] == step { // the one that is meant where none is named
			body, name = saga.Retry{}, "Retry"
		}
	}
	return i, saga.Input{Subject: f.ID, Body: body}, name
}

// decide applies an event to a world's instance.
func (t *tables[D]) decide(x *world, m message) applied {
	f, e := t.form(x.instance), t.event(m)
	return t.apply(x, f, f.Instance, e.Input, saga.ShortName(e.Body))
}

// wish applies a wish to a world's instance.
func (t *tables[D]) wish(x *world, w wish) applied {
	f := t.form(x.instance)
	i, in, name := t.input(f, w)
	return t.apply(x, f, i, in, name)
}

func (t *tables[D]) apply(x *world, f *form[D], i saga.Instance[D], in saga.Input, name string) (a applied) {
	defer func() {
		if p := recover(); p != nil {
			a = applied{err: fmt.Errorf("it panics: %v", p)}
		}
	}()
	before := string(f.AppendKey(nil))
	def := t.config.Definition
	if x.swapped {
		def = t.config.Swapped
	}
	next, out, note, err := saga.Apply(def, i, in, now)
	if err != nil {
		return applied{err: err}
	}
	a = applied{instance: x.instance, text: note.Text, changed: note.Effect == saga.Applied || note.Effect == saga.Jammed}
	if !x.swapped {
		if a.err = t.checkStep(f, in, &next, out, note); a.err != nil {
			return a
		}
		t.reached(saga.NewCell(&f.Instance, name, &next, out, note))
	}
	if string(f.AppendKey(nil)) != before {
		a.err = errors.New("Apply changed the instance that it was given")
		return a
	}
	if a.changed {
		a.instance = t.formNumber(next)
	}
	for _, o := range out {
		to, m, err := t.commandNumber(o)
		if err != nil {
			a.err = err
			return a
		}
		a.sent = append(a.sent, sent{to, m})
	}
	return a
}

// overdue returns the instance with its deadline passed.
func (t *tables[D]) overdue(id uint32) uint32 {
	i := t.form(id).Instance
	o := *i.Outstanding
	o.Deadline = now
	i.Outstanding = &o
	return t.formNumber(i)
}

// probe tries what the rules forbid in any situation: it must have no effect.
func (t *tables[D]) probe(id uint32) error {
	f := t.form(id)
	try := []wish{}
	if !f.overdue {
		try = append(try, clockIsEarly)
	}
	if f.State.Final() {
		try = append(try, operatorSends)
	}
	if f.Outstanding == nil {
		try = append(try, redriven)
	}
	if f.State != saga.Running || t.kind(f.Outstanding.Step) != saga.Compensatable {
		try = append(try, operatorUnwinds)
	}
	for k, s := range t.config.Definition.Steps {
		if !f.owes(s.Name) {
			try = append(try, operatorWaives+wish(k))
		}
	}
	for _, w := range try {
		a := t.wish(&world{instance: id}, w)
		if a.err == nil && a.changed {
			_, _, name := t.input(f, w)
			a.err = fmt.Errorf("%s has an effect on an instance that is %s: %s", name, f.State, a.text)
		}
		if a.err != nil {
			return a.err
		}
	}
	return nil
}

func (f *form[D]) owes(step string) bool {
	for _, s := range f.owed {
		if s == step {
			return true
		}
	}
	return false
}

func (t *tables[D]) kind(step string) saga.Kind {
	for k := range t.config.Definition.Steps {
		if s := &t.config.Definition.Steps[k]; s.Name == step {
			return s.Kind
		}
	}
	return saga.Retriable
}
