package saga

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// Define checks a definition and returns it ready for use. It panics where Validate returns an error: definitions are
// package variables, and a wrong one must not start.
func Define[D any](d Definition[D]) *Definition[D] {
	if err := d.Validate(); err != nil {
		panic(fmt.Sprintf("saga.Define %s v%d: %v", d.Name, d.Version, err))
	}
	d.table = newTable(&d)
	return &d
}

// Validate returns everything that is wrong with a definition, nil where nothing is: compensatable* pivot? retriable*,
// names unique, one binding per event type, compensations where and only where they belong.
func (d *Definition[D]) Validate() error {
	v := &validation{names: map[string]bool{RejectStep: true, CancelStep: true}, events: map[string]string{}}
	v.check(d.Name != "", "the definition has no name")
	v.check(d.Version >= 1, "the version must be 1 or more")
	v.check(len(d.Steps) > 0, "there are no steps")
	v.check(d.Start.data != nil, "nothing starts it: Start is missing")
	v.event("Start", d.Start.event, optional)
	v.event("Cancel", d.Cancel, optional)
	for _, e := range d.Ignored {
		v.event("Ignored", e, required)
	}
	last, unwinds := Compensatable, false
	for i := range d.Steps {
		s := &d.Steps[i]
		v.check(rank(s.Kind) >= rank(last) && !(s.Kind == Pivot && last == Pivot && i > 0),
			"step %q: a %s step cannot follow a %s one", s.Name, s.Kind, last)
		last = s.Kind
		unwinds = unwinds || s.Kind != Retriable
		validateStep(v, s)
	}
	v.check(d.Cancel == nil || unwinds, "Cancel: there is no step that could be undone or refused")
	validateEnd(v, "Rejected", &d.Rejected, unwinds)
	validateEnd(v, "Cancelled", &d.Cancelled, d.Cancel != nil)
	return errors.Join(v.errs...)
}

func validateStep[D any](v *validation, s *Step[D]) {
	at := fmt.Sprintf("step %q: ", s.Name)
	v.check(s.Name != "", "a step has no name")
	v.check(!v.names[s.Name], "%sthe name is taken", at)
	v.check(!strings.ContainsFunc(s.Name, notInName), "%sa name is letters, digits, spaces and hyphens", at)
	v.names[s.Name] = true
	v.check(s.Resend > 0, "%sResend must be positive", at)
	v.check(s.Do != nil, "%sDo is missing", at)
	v.event(at+"Done", s.Done, required)
	v.event(at+"Undone", s.Undone, need(s.Kind == Compensatable))
	switch s.Kind {
	case Compensatable:
		v.check(s.Undo != nil, "%sa compensatable step needs Undo", at)
		v.check(s.Timeout > 0, "%sa compensatable step needs a Timeout", at)
		v.event(at+"Refused", s.Refused, optional)
		v.event(at+"UndoFailed", s.UndoFailed, optional)
	case Pivot, Retriable:
		v.check(s.Undo == nil, "%sa %s step has no Undo", at, s.Kind)
		v.check(s.Timeout == 0, "%sa %s step has no Timeout: it is never given up on a guess", at, s.Kind)
		v.event(at+"Refused", s.Refused, allow(s.Kind == Pivot))
		v.event(at+"UndoFailed", s.UndoFailed, forbidden)
	default:
		v.check(false, "%sunknown kind %q", at, s.Kind)
	}
}

func validateEnd[D any](v *validation, at string, e *End[D], wanted bool) {
	v.check((e.Do != nil) == wanted, "%s.Do must be set where, and only where, an instance can end so", at)
	v.check(e.Resend >= 0, "%s.Resend must not be negative", at)
	v.event(at+".Done", e.Done, need(wanted))
}

// notInName keeps names fit for ids of commands, for storing and for the diagrams.
func notInName(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != ' ' && r != '-'
}

func rank(k Kind) int {
	switch k {
	case Compensatable:
		return 0
	case Pivot:
		return 1
	default:
		return 2
	}
}

// presence of an event in a definition.
type presence int

const (
	forbidden presence = iota
	optional
	required
)

func need(yes bool) presence {
	if yes {
		return required
	}
	return forbidden
}

func allow(yes bool) presence {
	if yes {
		return optional
	}
	return forbidden
}

type validation struct {
	names  map[string]bool
	events map[string]string // wire type → where it is bound
	errs   []error
}

func (v *validation) check(ok bool, format string, args ...any) {
	if !ok {
		v.errs = append(v.errs, fmt.Errorf(format, args...))
	}
}

func (v *validation) event(at string, m Message, p presence) {
	v.check(m != nil || p != required, "%s is missing", at)
	v.check(m == nil || p != forbidden, "%s does not belong here", at)
	if m == nil {
		return
	}
	first, taken := v.events[m.WireType()]
	v.check(!taken, "%s: %s is bound already, as %s", at, m.WireType(), first)
	v.events[m.WireType()] = at
}
