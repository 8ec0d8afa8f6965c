package messaging

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// fact is a body that is nothing but its wire type.
type fact struct{ Type string }

// facts is their codec.
type facts struct{}

func (facts) Encode(body any) (string, string, []byte, error) {
	f, ok := body.(fact)
	if !ok {
		return "", "", nil, fmt.Errorf("no fact: %T", body)
	}
	return f.Type, "test.events", []byte(`{"fact":"` + f.Type + `"}`), nil
}
func (facts) Decode(wireType string, _ []byte) (any, error) { return fact{wireType}, nil }
func (facts) Known(string) bool                             { return true }
func (facts) KnownVersion(string) bool                      { return true }

var (
	testSubject = uuid.MustParse("0192f0c1-0000-7000-8000-0000000000ff")
	doID        = uuid.MustParse("00000000-0000-5000-8000-0000000000d0")
	undoID      = uuid.MustParse("00000000-0000-5000-8000-0000000000e0")
	stock       = Operation{Name: "stock", Superseded: func(uuid.UUID) any { return fact{"Superseded"} }}
	errWork     = errors.New("cannot")
	fenceTime   = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
)

func testFence() *Fence {
	return NewFence(FenceConfig{Codec: facts{}, Source: "/services/test"}, fenceTime)
}

func command(undo bool, attempt int) Message {
	m := Message{ID: doID, Subject: testSubject, Attempt: attempt, Traceparent: testParent}
	if undo {
		m.ID = undoID
	}
	return m
}

// play feeds a fence steps such as "do 1 ok" and returns what it sent: "Done#1", "Done#1 again" or "-".
//
//	do|undo ATTEMPT ok|open|error    a command, and what its work does if it is asked
//	answer do|undo · fail · emit
func play(t *testing.T, f *Fence, steps string) string {
	t.Helper()
	sent := map[uuid.UUID]bool{}
	var story []string
	for step := range strings.SplitSeq(steps, ", ") {
		out, err := playWords(f, step)
		text := "-"
		for _, m := range out {
			text = fmt.Sprintf("%s#%d", m.Type, m.Sequence)
			if sent[m.ID] {
				text += " again"
			}
			sent[m.ID] = true
		}
		if err != nil {
			text = "error"
		}
		story = append(story, text)
	}
	return strings.Join(story, ", ")
}

func playWords(f *Fence, step string) ([]Message, error) {
	words := strings.Fields(step)
	var attempt int
	if len(words) == 3 {
		_, _ = fmt.Sscan(words[1], &attempt)
	}
	work := func(success string) func() (any, error) {
		return func() (any, error) {
			switch words[2] {
			case "ok":
				return fact{success}, nil
			case "open":
				return nil, nil
			}
			f.Emit(testSubject, uuid.Nil, fact{"Taken back"})
			return nil, errWork
		}
	}
	switch words[0] {
	case "do":
		return f.Do(command(false, attempt), stock, work("Done"))
	case "undo":
		return f.Undo(command(true, attempt), stock, work("Undone"))
	case "answer":
		undo := words[1] == "undo"
		return f.Answer(testSubject, stock, undo, fact{map[bool]string{false: "Done", true: "Undone"}[undo]})
	case "fail":
		return f.Fail(testSubject, stock, fact{"UndoFailed"})
	default:
		m := f.Emit(testSubject, uuid.Nil, fact{"Event"})
		err := fill(facts{}, "/services/test", &Message{Subject: testSubject}, &m, fenceTime)
		return []Message{m}, err
	}
}

func TestFence(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, steps, want string }{
		{"a repeat sends nothing", "do 1 ok, do 1 ok", "Done#1, -"},
		{"a higher attempt gets the same answer", "do 1 ok, do 2 ok, do 2 ok, do 1 ok, do 5 ok", "Done#1, Done#1 again, -, -, Done#1 again"},
		{"an open outcome is sent once it is known", "do 1 open, do 2 ok, answer do, do 2 ok, do 3 ok", "-, -, Done#1, -, Done#1 again"},
		{"an answer comes once", "do 1 open, answer do, answer do", "-, Done#1, -"},
		{"no answer without a command", "answer do, answer undo, fail", "-, -, -"},
		{"done and undone", "do 1 ok, undo 1 ok, undo 1 ok, undo 2 ok", "Done#1, Undone#2, -, Undone#2 again"},
		{"what was answered before its undo is answered so after it", "do 1 ok, undo 1 ok, do 2 ok", "Done#1, Undone#2, Done#1 again"},
		{"a tombstone", "undo 1 ok, do 1 ok, do 1 ok, do 2 ok", "Undone#1, Superseded#2, -, Superseded#2 again"},
		{"a tombstone of an open undo", "undo 1 open, do 1 ok, answer undo, do 2 ok", "-, Superseded#1, Undone#2, Superseded#1 again"},
		{"an open do is closed by its undo", "do 1 open, undo 1 ok, answer do, do 1 ok", "-, Undone#1, -, -"},
		{"a closed do is superseded from the next attempt on", "do 1 open, undo 1 open, do 2 ok, answer do, do 2 ok, do 3 ok, answer undo", "-, -, Superseded#1, -, -, Superseded#1 again, Undone#2"},
		{"a higher attempt of an undo counts once", "undo 1 ok, undo 2 ok, undo 2 ok", "Undone#1, Undone#1 again, -"},
		{"so does one of an undo that failed before", "undo 1 open, fail, undo 2 open, undo 2 ok, fail, undo 2 ok", "-, UndoFailed#1, -, -, UndoFailed#2, -"},
		{"a failure is no outcome", "undo 1 open, fail, undo 1 ok, undo 2 ok, undo 3 ok", "-, UndoFailed#1, -, Undone#2, Undone#2 again"},
		{"every failure is a new message", "undo 1 open, fail, undo 2 open, fail, undo 3 open, answer undo, fail", "-, UndoFailed#1, -, UndoFailed#2, -, Undone#3, -"},
		{"a late success is no answer of a failed attempt", "undo 1 open, fail, answer undo, undo 2 ok", "-, UndoFailed#1, -, Undone#2"},
		{"an open do stays closed though its undo failed", "do 1 open, undo 1 open, fail, answer do, do 2 ok", "-, -, UndoFailed#1, -, Superseded#2"},
		{"work that fails leaves nothing", "do 1 error, do 1 ok, undo 1 error, undo 1 ok", "error, Done#1, error, Undone#2"},
		{"failed work of a failed undo leaves it failed", "undo 1 open, fail, undo 2 error, undo 2 ok", "-, UndoFailed#1, error, Undone#2"},
		{"events count too", "emit, do 1 ok, emit, do 2 ok, undo 1 ok, emit", "Event#1, Done#2, Event#3, Done#2 again, Undone#4, Event#5"},
	} {
		if got := play(t, testFence(), c.steps); got != c.want {
			t.Errorf("%s: %s\ngot  %s\nwant %s", c.name, c.steps, got, c.want)
		}
	}
}

func TestFenceRefuses(t *testing.T) {
	t.Parallel()
	f := testFence()
	done := func() (any, error) { return fact{"Done"}, nil }
	if _, err := f.Do(command(false, 1), stock, done); err != nil {
		t.Fatal(err)
	}
	foreign := command(false, 2)
	foreign.ID = uuid.New()
	if _, err := f.Do(foreign, stock, done); !errors.Is(err, ErrForeignCommand) {
		t.Errorf("another command of the same operation: %v", err)
	}
	for name, in := range map[string]Message{
		"no attempt": command(true, 0), "no id": {Subject: testSubject, Attempt: 1},
	} {
		if _, err := f.Undo(in, stock, done); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for _, name := range []string{"", "events"} {
		if _, err := f.Do(command(false, 1), Operation{Name: name}, done); err == nil {
			t.Errorf("an operation named %q: no error", name)
		}
	}
	noFact := func() (any, error) { return "no fact", nil }
	if _, err := f.Undo(command(true, 1), stock, noFact); err == nil || f.Undone(testSubject, stock) {
		t.Errorf("an answer that cannot be encoded: error %v, undone %v", err, f.Undone(testSubject, stock))
	}
}

// A refusal that is missing, or cannot be encoded, is an error, and leaves the fence as it was.
func TestFenceRefusesToSupersede(t *testing.T) {
	t.Parallel()
	for name, superseded := range map[string]func(uuid.UUID) any{
		"none": nil, "no fact": func(uuid.UUID) any { return "no fact" },
	} {
		f := testFence()
		play(t, f, "undo 1 ok")
		before := string(f.AppendKey(nil, testSubject))
		if _, err := f.Do(command(false, 1), Operation{Name: "stock", Superseded: superseded}, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
		if got := string(f.AppendKey(nil, testSubject)); got != before {
			t.Errorf("%s: it remembers %s, before %s", name, got, before)
		}
	}
}

// What changes is marked for Save, and every event counts in one row.
func TestFenceMarksWhatChanged(t *testing.T) {
	t.Parallel()
	f := testFence()
	for step := range strings.SplitSeq("emit, emit, do 1 open, do 2 open, undo 1 open, do 3 ok, fail, undo 2 open, answer undo, undo 3 ok, emit", ", ") {
		b := f.book(testSubject)
		for k := range b.entries {
			b.entries[k].dirty = false
		}
		before := b.clone()
		if _, err := playWords(f, step); err != nil {
			t.Fatalf("%s: %v", step, err)
		}
		changed := false
		for k, e := range f.book(testSubject).entries {
			was := entry{}
			if k < len(before.entries) {
				was = before.entries[k]
			}
			was.dirty = e.dirty
			changed = changed || e.dirty
			if !e.dirty && !reflect.DeepEqual(e, was) {
				t.Errorf("%s: unmarked, it made %+v of %+v", step, e, was)
			}
		}
		if !changed {
			t.Errorf("%s: nothing is marked", step)
		}
	}
	if n := len(f.book(testSubject).entries); n != 3 || f.book(testSubject).find(eventsOperation, false) == nil {
		t.Errorf("%d entries, want the events', the do and the undo", n)
	}
}

func TestFenceTellsWhatWasAccepted(t *testing.T) {
	t.Parallel()
	for steps, want := range map[string][2]bool{
		"emit":                            {false, false},
		"do 1 open":                       {true, false},
		"do 1 ok":                         {true, false},
		"do 1 error":                      {false, false},
		"undo 1 ok":                       {false, true},
		"undo 1 open, do 1 ok":            {false, true},
		"do 1 open, undo 1 open":          {true, true},
		"do 1 open, undo 1 open, do 2 ok": {true, true},
		"do 1 ok, undo 1 open, fail":      {true, true},
		"undo 1 open, do 1 ok, fail, undo 2 open": {false, true},
	} {
		f := testFence()
		play(t, f, steps)
		if got := [2]bool{f.Done(testSubject, stock), f.Undone(testSubject, stock)}; got != want {
			t.Errorf("%s: done and undone are %v, want %v", steps, got, want)
		}
	}
}

// An answer is the same whenever it is sent, whatever the trace of the command that asks for it again.
func TestFenceAnswersAreComplete(t *testing.T) {
	t.Parallel()
	for _, parent := range []string{testParent, ""} {
		f, asked, later := testFence(), command(false, 1), command(false, 2)
		asked.Tracestate = "vendor=1"
		asked.Traceparent, later.Traceparent = parent, strings.Replace(testParent, "0af7", "ffff", 1)
		out, err := f.Do(asked, stock, func() (any, error) { return fact{"Done"}, nil })
		if err != nil || len(out) != 1 {
			t.Fatal(out, err)
		}
		first := out[0]
		complete := Message{
			ID: AnswerID(testSubject, "/services/test", 1), Source: "/services/test", Type: "Done", Subject: testSubject, Time: fenceTime,
			Sequence: 1, CausationID: doID, Traceparent: parent, Tracestate: asked.Tracestate, Data: first.Data, Topic: "test.events",
			Body: fact{"Done"}, sealed: true,
		}
		if !reflect.DeepEqual(first, complete) || string(first.Data) != `{"fact":"Done"}` {
			t.Errorf("answered\n%+v, want\n%+v", first, complete)
		}
		again, err := f.Do(later, stock, nil)
		if err != nil || len(again) != 1 {
			t.Fatal(again, err)
		}
		second := again[0]
		for _, m := range []*Message{&first, &second} {
			if err := fill(facts{}, "/services/other", &later, m, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		want := fmt.Sprintf("%+v", toRecord("", &first))
		if got := fmt.Sprintf("%+v", toRecord("", &second)); got != want {
			t.Errorf("sent again as\n%s, first as\n%s", got, want)
		}
	}
	event := testFence().Emit(testSubject, doID, fact{"Event"})
	want := Message{Source: "/services/test", Subject: testSubject, Sequence: 1, CausationID: doID, Time: fenceTime, Body: fact{"Event"}}
	if !reflect.DeepEqual(event, want) {
		t.Errorf("emitted\n%+v, want\n%+v", event, want)
	}
}

// Whatever comes in whatever order, the promises of DESIGN, section 3, rules 3 and 4, hold.
func TestFencePromises(t *testing.T) {
	t.Parallel()
	steps := rapid.SampledFrom([]string{
		"do 1 ok", "do 1 open", "do 1 error", "do 2 ok", "do 2 open", "do 3 ok", "undo 1 ok", "undo 1 open", "undo 1 error",
		"undo 2 ok", "undo 2 open", "undo 3 open", "undo 4 ok", "answer do", "answer undo", "fail", "emit",
	})
	rapid.Check(t, func(t *rapid.T) {
		f := testFence()
		f.book(testSubject)
		p := promises{byID: map[uuid.UUID]string{}, answers: map[uuid.UUID]map[string]bool{}}
		for range rapid.IntRange(1, 25).Draw(t, "length") {
			step := steps.Draw(t, "step")
			before := f.Clone()
			undone := f.Undone(testSubject, stock)
			out, err := playWords(f, step)
			if err != nil && fmt.Sprint(*before.books[testSubject]) != fmt.Sprint(*f.books[testSubject]) {
				t.Fatalf("%s: an error left a trace", step)
			}
			if len(out) > 1 {
				t.Fatalf("%s: %d messages", step, len(out))
			}
			for i := range out {
				p.check(t, step, &out[i], undone)
			}
			if (before.Done(testSubject, stock) && !f.Done(testSubject, stock)) || undone && !f.Undone(testSubject, stock) {
				t.Fatalf("%s: something accepted is forgotten", step)
			}
		}
	})
}

type promises struct {
	last    int64
	byID    map[uuid.UUID]string
	answers map[uuid.UUID]map[string]bool // of a command
}

func (p *promises) check(t *rapid.T, step string, m *Message, undone bool) {
	bytes := fmt.Sprintf("%+v", toRecord("", m))
	if first, ok := p.byID[m.ID]; ok {
		if first != bytes {
			t.Fatalf("%s: sent again as\n%s, first as\n%s", step, bytes, first)
		}
		if m.Type == "UndoFailed" {
			t.Fatalf("%s: a failure is sent again", step)
		}
		return
	}
	p.byID[m.ID] = bytes
	if m.Sequence != p.last+1 {
		t.Fatalf("%s: sequence %d after %d", step, m.Sequence, p.last)
	}
	p.last = m.Sequence
	if m.Type == "Done" && undone {
		t.Fatalf("%s: a success after the undo was accepted", step)
	}
	if m.Type == "Event" || m.Type == "UndoFailed" {
		return
	}
	if p.answers[m.CausationID] == nil {
		p.answers[m.CausationID] = map[string]bool{}
	}
	p.answers[m.CausationID][m.Type] = true
	if len(p.answers[m.CausationID]) > 1 {
		t.Fatalf("%s: one command, two answers: %v", step, p.answers[m.CausationID])
	}
}
