package saga

import "time"

// role is what an event means to a definition.
type role uint8

const (
	starts role = iota
	cancels
	ignored
	succeeds
	refuses
	undoes
	failsUndo
)

// undo tells whether an event of this role answers a compensation.
func (r role) undo() bool { return r == undoes || r == failsUndo }

// binding is the one place of an event in a definition: row is an index into table.rows where the role is an answer.
type binding struct {
	role role
	row  int
}

// row is a step, or one of the two ends, prepared for the hot path.
type row[D any] struct {
	name            string
	kind            Kind
	doName          []byte // of the command's id
	undoName        []byte
	resend, timeout time.Duration
	do              func(D, Failure) Message
	undo            func(D) Message
	done            State // of an end: the state that its success leads to
}

// table is a definition ready for dispatch: the steps, then the end commands.
type table[D any] struct {
	rows     []row[D]
	steps    int // rows[:steps] are steps
	bindings map[string]binding
}

func newTable[D any](d *Definition[D]) *table[D] {
	t := &table[D]{steps: len(d.Steps), bindings: map[string]binding{}}
	t.bind(d.Start.event, starts, 0)
	t.bind(d.Cancel, cancels, 0)
	for _, m := range d.Ignored {
		t.bind(m, ignored, 0)
	}
	for i := range d.Steps {
		s := &d.Steps[i]
		do := s.Do
		t.add(row[D]{
			name: s.Name, kind: s.Kind, resend: s.Resend, timeout: s.Timeout,
			do: func(data D, _ Failure) Message { return do(data) }, undo: s.Undo,
		})
		t.bind(s.Done, succeeds, i)
		t.bind(s.Refused, refuses, i)
		t.bind(s.Undone, undoes, i)
		t.bind(s.UndoFailed, failsUndo, i)
	}
	t.addEnd(RejectStep, Rejected, d.Rejected)
	t.addEnd(CancelStep, Cancelled, d.Cancelled)
	return t
}

func (t *table[D]) add(r row[D]) {
	r.doName, r.undoName = []byte(r.name+"/do"), []byte(r.name+"/undo")
	t.rows = append(t.rows, r)
}

func (t *table[D]) addEnd(name string, final State, e End[D]) {
	resend := e.Resend
	if resend == 0 {
		resend = endResend
	}
	t.add(row[D]{name: name, kind: Retriable, resend: resend, do: e.Do, done: final})
	t.bind(e.Done, succeeds, len(t.rows)-1)
}

func (t *table[D]) bind(m Message, r role, row int) {
	if m != nil {
		t.bindings[m.WireType()] = binding{role: r, row: row}
	}
}

// row returns the index of a name, -1 where there is none. Tables are short: this is faster than a map.
func (t *table[D]) row(name string) int {
	for i := range t.rows {
		if t.rows[i].name == name {
			return i
		}
	}
	return -1
}
