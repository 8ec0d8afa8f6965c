package explore

import (
	"fmt"
	"sync"
	"time"

	"ordersaga.internal/processmanager/saga"
)

// now is when everything happens: the clock is no part of a state. A form's times say only what is due.
var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// later stands for every time that is still to come.
const later = time.Hour

// form is an instance but for the clock.
type form[D any] struct {
	saga.Instance[D]
	overdue  bool // its deadline passed, and was not fired yet
	deadline bool // it waits for a step that is given up in the end
	owed     []string
}

// event is a participant's message to the process manager.
type event struct {
	saga.Input
	from int
	key  string
}

// command is the process manager's message to a participant.
type command struct {
	saga.Outgoing
	to int
}

// tables gives everything that a world is made of a number, once. It is safe for concurrent use.
type tables[D any] struct {
	config *Config[D]

	mu        sync.RWMutex
	forms     numbers[*form[D]]
	sides     [maxSides]numbers[Side]
	events    numbers[event]
	commands  numbers[command]
	cells     map[saga.Cell]bool
	stuck     map[string]int
	takers    map[string]int // by wire type of a command
	attempted int            // more attempts of a command than this are a violation
}

// numbers holds values under the numbers that they were given, from 0.
type numbers[T any] struct {
	values []T
	byKey  map[string]uint32
}

// number returns the number of a value, which it adds where the key is new.
func (n *numbers[T]) number(key []byte, value T) (id uint32, fresh bool) {
	if id, ok := n.byKey[string(key)]; ok {
		return id, false
	}
	if n.byKey == nil {
		n.byKey = map[string]uint32{}
	}
	id = uint32(len(n.values))
	n.byKey[string(key)] = id
	n.values = append(n.values, value)
	return id, true
}

func newTables[D any](c *Config[D]) *tables[D] {
	t := &tables[D]{
		config: c, cells: map[saga.Cell]bool{}, stuck: map[string]int{}, takers: map[string]int{}, attempted: 8 + 2*c.Faults,
	}
	for k, p := range c.Participants {
		for _, name := range p.Takes {
			t.takers[name] = k
		}
	}
	return t
}

// begin returns the world in which the start event was decided.
func (t *tables[D]) begin() (world, error) {
	c := t.config
	i, out, _, err := saga.Start(c.Definition, c.Start, now)
	if err != nil {
		return world{}, err
	}
	var w world
	for k, p := range c.Participants {
		w.sides[k] = t.sideNumber(k, p.Side)
		for _, in := range p.Sent {
			w.events[k].add(t.eventNumber(k, in))
		}
		w.events[k].read = w.events[k].size
	}
	w.instance = t.formNumber(i)
	for _, o := range out {
		k, m, err := t.commandNumber(o)
		if err != nil {
			return world{}, err
		}
		w.commands[k].add(m)
	}
	return w, nil
}

func (t *tables[D]) sideNumber(k int, s Side) uint32 {
	var buffer [512]byte
	key := s.AppendKey(buffer[:0])
	t.mu.Lock()
	defer t.mu.Unlock()
	id, _ := t.sides[k].number(key, s)
	return id
}

func (t *tables[D]) side(k int, id uint32) Side {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.sides[k].values[id]
}

// eventNumber tells events apart by all that a reader can see of them.
func (t *tables[D]) eventNumber(k int, in saga.Input) message {
	key := fmt.Appendf(nil, "%d %s %s %s %d %+v", k, in.ID, in.Body.WireType(), in.Causation, in.Sequence, in.Body)
	t.mu.Lock()
	defer t.mu.Unlock()
	in.Subject = t.config.Start.Subject
	id, _ := t.events.number(key, event{in, k, string(key)})
	return message(id)
}

func (t *tables[D]) event(m message) event {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.events.values[m]
}

func (t *tables[D]) commandNumber(o saga.Outgoing) (int, message, error) {
	k, taken := t.takers[o.Body.WireType()]
	switch {
	case !taken:
		return 0, 0, fmt.Errorf("no participant takes %s", o.Body.WireType())
	case o.Attempt > t.attempted:
		return 0, 0, fmt.Errorf("attempt %d of %s: it is sent again and again", o.Attempt, saga.ShortName(o.Body))
	}
	o.Sequence = 0 // participants do not look at it
	key := fmt.Appendf(nil, "%s %s %d %+v", o.ID, o.Body.WireType(), o.Attempt, o.Body)
	t.mu.Lock()
	defer t.mu.Unlock()
	id, _ := t.commands.number(key, command{o, k})
	return k, message(id), nil
}

func (t *tables[D]) command(m message) command {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.commands.values[m]
}

// formNumber numbers an instance but for the clock.
func (t *tables[D]) formNumber(i saga.Instance[D]) uint32 {
	f := &form[D]{Instance: i}
	f.ID, f.Sequence = t.config.Start.Subject, 0
	if i.Outstanding != nil {
		o := *i.Outstanding
		f.deadline = !o.Deadline.IsZero()
		f.overdue = f.deadline && !now.Before(o.Deadline)
		o.ResendAt = now.Add(later)
		switch {
		case f.overdue:
			o.Deadline = now
		case f.deadline:
			o.Deadline = now.Add(2 * later)
		}
		f.Outstanding = &o
	}
	for _, p := range i.Steps {
		if p.Outcome == saga.Owed {
			f.owed = append(f.owed, p.Step)
		}
	}
	var buffer [512]byte
	key := f.AppendKey(buffer[:0])
	if f.overdue {
		key = append(key, '#')
	}
	t.mu.Lock()
	id, fresh := t.forms.number(key, f)
	if fresh && f.Stuck != "" {
		t.stuck[f.Stuck]++
	}
	t.mu.Unlock()
	return id
}

func (t *tables[D]) form(id uint32) *form[D] {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.forms.values[id]
}

func (t *tables[D]) reached(c saga.Cell) {
	c.Stuck = ""
	t.mu.Lock()
	t.cells[c] = true
	t.mu.Unlock()
}
