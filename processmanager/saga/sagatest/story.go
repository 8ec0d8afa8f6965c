// Package sagatest tells stories about a saga definition: given a start event, an input is followed by what it must send.
// Every input is also checked for what must hold whatever the definition: the given instance stays as it was, sequences
// count up by one, attempts of a command count up by one, and an input that does not count changes nothing.
package sagatest

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"ordersaga.internal/processmanager/saga"
)

// Epoch is the time at which every story begins.
var Epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// Story is one instance and all that happened to it.
type Story[D any] struct {
	Instance saga.Instance[D]
	Now      time.Time
	Note     saga.Note       // of the last input
	Sent     []saga.Outgoing // by the last input
	All      []saga.Outgoing // by all inputs

	t        testing.TB
	def      *saga.Definition[D]
	last     saga.Input
	sequence int64 // of the participants' answers
}

// Given starts an instance.
func Given[D any](t testing.TB, def *saga.Definition[D], start saga.Message) *Story[D] {
	t.Helper()
	s := &Story[D]{t: t, def: def, Now: Epoch}
	id := uuid.NewSHA1(uuid.NameSpaceOID, []byte(t.Name()))
	s.last = saga.Input{ID: uuid.New(), Subject: id, Body: start}
	i, out, note, err := saga.Start(def, s.last, s.Now)
	s.check(i, out, note, err)
	return s
}

// When feeds an event that answers no command, or one of the engine's own inputs.
func (s *Story[D]) When(body saga.Message) *Story[D] {
	s.t.Helper()
	return s.Input(saga.Input{ID: uuid.New(), Body: body})
}

// Answer feeds a new answer to the outstanding command.
func (s *Story[D]) Answer(body saga.Message) *Story[D] {
	s.t.Helper()
	if s.Instance.Outstanding == nil {
		s.t.Fatalf("%s: no command is outstanding", body.WireType())
	}
	return s.AnswerTo(s.Instance.Outstanding.Step, s.Instance.Outstanding.Undo, body)
}

// AnswerTo feeds a new answer to a step's command, or to its compensation, outstanding or not.
func (s *Story[D]) AnswerTo(step string, undo bool, body saga.Message) *Story[D] {
	s.t.Helper()
	s.sequence++
	command := saga.CommandID(s.Instance.ID, step, undo)
	return s.Input(saga.Input{ID: uuid.New(), Causation: command, Sequence: s.sequence, Body: body})
}

// Again feeds the last input once more, as it was.
func (s *Story[D]) Again() *Story[D] {
	s.t.Helper()
	return s.Input(s.last)
}

// After lets time pass, then says Due.
func (s *Story[D]) After(d time.Duration) *Story[D] {
	s.t.Helper()
	s.Now = s.Now.Add(d)
	return s.When(saga.Due{})
}

// Input feeds an input as it is, but for its subject.
func (s *Story[D]) Input(in saga.Input) *Story[D] {
	s.t.Helper()
	in.Subject = s.Instance.ID
	s.last = in
	before := deepCopy(s.Instance)
	i, out, note, err := saga.Apply(s.def, s.Instance, in, s.Now)
	if !reflect.DeepEqual(before, s.Instance) {
		s.t.Fatalf("%s changed the given instance from\n%+v to\n%+v", in.Body.WireType(), before, s.Instance)
	}
	if note.Effect != saga.Applied && note.Effect != saga.Jammed && (len(out) > 0 || !reflect.DeepEqual(before, i)) {
		s.t.Fatalf("%s was %s, but changed or sent something", in.Body.WireType(), note.Effect)
	}
	s.check(i, out, note, err)
	return s
}

func (s *Story[D]) check(i saga.Instance[D], out []saga.Outgoing, note saga.Note, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%s: %v", s.last.Body.WireType(), err)
	}
	if note.From != s.Instance.State || note.To != i.State {
		s.t.Fatalf("%s: the note says %s → %s, it was %s → %s",
			s.last.Body.WireType(), note.From, note.To, s.Instance.State, i.State)
	}
	for k, o := range out {
		if want := s.Instance.Sequence + int64(k) + 1; o.Sequence != want {
			s.t.Fatalf("%s has sequence %d, want %d", o.Body.WireType(), o.Sequence, want)
		}
		if want := s.Attempts(o.ID) + 1; o.Attempt != want {
			s.t.Fatalf("%s is attempt %d, want %d", o.Body.WireType(), o.Attempt, want)
		}
		s.All = append(s.All, o)
	}
	if i.Sequence != s.Instance.Sequence+int64(len(out)) {
		s.t.Fatalf("the sequence is %d after %d commands from %d", i.Sequence, len(out), s.Instance.Sequence)
	}
	s.Instance, s.Sent, s.Note = i, out, note
}

// Attempts returns how often a command was sent.
func (s *Story[D]) Attempts(command uuid.UUID) int {
	n := 0
	for _, o := range s.All {
		if o.ID == command {
			n++
		}
	}
	return n
}

// Sends expects that the last input sent commands of exactly these types, in this order.
func (s *Story[D]) Sends(want ...saga.Message) *Story[D] {
	s.t.Helper()
	var got, wanted []string
	for _, o := range s.Sent {
		got = append(got, o.Body.WireType())
	}
	for _, m := range want {
		wanted = append(wanted, m.WireType())
	}
	if !slices.Equal(got, wanted) {
		s.t.Fatalf("%s sent %v, want %v (%s)", s.last.Body.WireType(), got, wanted, s.Note.Text)
	}
	return s
}

// Is expects a state, and that the instance is not stuck.
func (s *Story[D]) Is(want saga.State) *Story[D] {
	s.t.Helper()
	if s.Instance.State != want || s.Instance.Stuck != "" {
		s.t.Fatalf("it is %s, stuck %q, want %s", s.Instance.State, s.Instance.Stuck, want)
	}
	return s
}

// IsStuck expects that the instance is stuck.
func (s *Story[D]) IsStuck() *Story[D] {
	s.t.Helper()
	if s.Instance.Stuck == "" {
		s.t.Fatalf("it is not stuck after %s (%s)", s.last.Body.WireType(), s.Note.Text)
	}
	return s
}

// Was expects the effect of the last input, and where that is neither Applied nor Jammed, that it sent nothing.
func (s *Story[D]) Was(want saga.Effect) *Story[D] {
	s.t.Helper()
	if s.Note.Effect != want {
		s.t.Fatalf("%s was %s (%s), want %s", s.last.Body.WireType(), s.Note.Effect, s.Note.Text, want)
	}
	return s
}

// Outcome expects what became of a step; "" that it was never begun.
func (s *Story[D]) Outcome(step string, want saga.Outcome) *Story[D] {
	s.t.Helper()
	var got saga.Outcome
	for _, p := range s.Instance.Steps {
		if p.Step == step {
			got = p.Outcome
		}
	}
	if got != want {
		s.t.Fatalf("%s is %q, want %q", step, got, want)
	}
	return s
}

func deepCopy[D any](i saga.Instance[D]) saga.Instance[D] {
	i.Steps = slices.Clone(i.Steps)
	if i.Outstanding != nil {
		o := *i.Outstanding
		i.Outstanding = &o
	}
	return i
}
