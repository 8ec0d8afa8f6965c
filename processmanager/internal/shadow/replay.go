package shadow

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/google/uuid"

	"ordersaga.internal/processmanager/saga"
)

// Input is one line of an order's history.
type Input struct {
	saga.Input           // Body is nil for what is no message: its type says what it was
	Type       string    // wire type, "saga.Due"
	At         time.Time // when it was decided
	Effect     saga.Effect
	Sent       []string // what it led to: "ReserveStock.v1#1"
	Reason     string   // an operator's
}

// History is what happened to one order, oldest first.
type History struct {
	Order  uuid.UUID
	Inputs []Input
}

// Version names a version of a definition.
type Version struct {
	Definition string `json:"definition"`
	Version    int    `json:"version"`
}

func (v Version) String() string { return fmt.Sprintf("%s v%d", v.Definition, v.Version) }

// Difference is the first place where the versions part. What follows it in the history are answers to commands that the
// other version did not send, so there is one for an order at most.
type Difference struct {
	Order uuid.UUID `json:"order_id"`
	Input string    `json:"input"` // its wire type
	At    time.Time `json:"at"`
	From  []string  `json:"from"` // the commands that were sent: "ReserveStock.v1#1 {…}", the body only where that is what differs
	To    []string  `json:"to"`   // those that the other version would send
}

// Unreplayable is an order whose history the version it ran under does not explain.
type Unreplayable struct {
	Order uuid.UUID `json:"order_id"`
	Why   string    `json:"why"`
}

// replay is one order under both versions.
type replay struct {
	set      *saga.Set
	old, now saga.Instance[any]
	same     map[uuid.UUID]uuid.UUID // the other version's name for a command, by ours
}

// one replays an order. Nil and nil: the versions do the same.
func one(set *saga.Set, from, to Version, h History) (*Difference, *Unreplayable) {
	r := &replay{set: set, same: map[uuid.UUID]uuid.UUID{}}
	for k, in := range h.Inputs {
		var d *Difference
		var err error
		if k == 0 {
			d, err = r.start(from, to, in)
		} else if d = r.earlier(in); d == nil {
			d, err = r.step(in)
		}
		switch {
		case err != nil:
			return nil, &Unreplayable{h.Order, fmt.Sprintf("line %d, %s: %v", k+1, in.Type, err)}
		case d != nil:
			d.Order = h.Order
			return d, nil
		}
	}
	return nil, nil
}

func (r *replay) start(from, to Version, in Input) (*Difference, error) {
	old, sent, _, err := r.set.StartAs(from.Definition, from.Version, in.Input, in.At)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(names(sent), in.Sent) {
		return nil, fmt.Errorf("it sent %v, but %s sends %v", in.Sent, from, names(sent))
	}
	now, would, _, err := r.set.StartAs(to.Definition, to.Version, in.Input, in.At)
	if err != nil {
		return nil, fmt.Errorf("under %s: %w", to, err)
	}
	r.old, r.now = old, now
	return r.compare(in, sent, would, saga.Applied, saga.Applied), nil
}

// step applies a line of the history to both. Errors: the version that it happened under does not explain it.
func (r *replay) step(in Input) (*Difference, error) {
	for _, body := range bodies(in, r.old.Steps) {
		in.Body = body
		old, sent, note, err := r.set.Apply(r.old, in.Input, in.At)
		if err != nil {
			return nil, err
		}
		if note.Effect != in.Effect || !slices.Equal(names(sent), in.Sent) {
			continue
		}
		input := in.Input
		if theirs, ok := r.same[input.Causation]; ok {
			input.Causation = theirs
		}
		now, would, effect, err := r.set.Apply(r.now, input, in.At)
		if err != nil {
			return nil, fmt.Errorf("under the other version: %w", err)
		}
		r.old, r.now = old, now
		return r.compare(in, sent, would, note.Effect, effect.Effect), nil
	}
	return nil, fmt.Errorf("it was %s and sent %v, which its version does not do", in.Effect, in.Sent)
}

// earlier finds a command that the other version would have sent, or given up, before this line by its clock, while the
// version it happened under had nothing to do.
func (r *replay) earlier(in Input) *Difference {
	old, now := r.old.Outstanding, r.now.Outstanding
	if now == nil || !now.Due().Before(in.At) || old == nil || !old.Due().After(in.At) {
		return nil
	}
	due := Input{Type: saga.Due{}.WireType(), At: now.Due()}
	_, would, note, err := r.set.Apply(r.now, saga.Input{Subject: r.now.ID, Body: saga.Due{}}, due.At)
	if err != nil || note.Effect != saga.Applied {
		return nil
	}
	return r.compare(due, nil, would, saga.Ignored, note.Effect)
}

// compare returns where the commands of an input differ, and learns the names of those that are the same.
func (r *replay) compare(in Input, sent, would []saga.Outgoing, was, is saga.Effect) *Difference {
	d := &Difference{Input: in.Type, At: in.At, From: names(sent), To: names(would)}
	switch {
	case !slices.Equal(d.From, d.To):
		return d
	case (was == saga.Jammed) != (is == saga.Jammed), r.old.State.Final() != r.now.State.Final(), r.old.State.Final() && r.old.State != r.now.State:
		d.From, d.To = append(d.From, "→ "+end(r.old, was)), append(d.To, "→ "+end(r.now, is))
		return d
	}
	for k := range sent {
		if !reflect.DeepEqual(sent[k].Body, would[k].Body) {
			d.From[k] += " " + spelled(sent[k].Body)
			d.To[k] += " " + spelled(would[k].Body)
			return d
		}
		r.same[sent[k].ID] = would[k].ID
	}
	return nil
}

func end(i saga.Instance[any], effect saga.Effect) string {
	if effect == saga.Jammed {
		return "stuck"
	}
	return string(i.State)
}

func spelled(m saga.Message) string {
	b, err := json.Marshal(m)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func names(out []saga.Outgoing) []string {
	list := make([]string, 0, len(out))
	for _, c := range out {
		list = append(list, fmt.Sprintf("%s#%d", c.Body.WireType(), c.Attempt))
	}
	return list
}

// bodies returns what an input may have been. The history does not say which step an operator meant, nor whether a deadline
// counted: what explains the line is it.
func bodies(in Input, begun []saga.Progress) []saga.Message {
	if in.Body != nil {
		return []saga.Message{in.Body}
	}
	switch in.Type {
	case saga.Due{}.WireType():
		return []saga.Message{saga.Due{}, saga.Due{Held: true}}
	case saga.Redriven{}.WireType():
		return []saga.Message{saga.Redriven{}}
	case saga.Unwind{}.WireType():
		return []saga.Message{saga.Unwind{Reason: in.Reason}}
	case saga.Retry{}.WireType():
		all := []saga.Message{saga.Retry{Reason: in.Reason}}
		for _, p := range begun {
			all = append(all, saga.Retry{Step: p.Step, Reason: in.Reason})
		}
		return all
	case saga.Waive{}.WireType():
		all := []saga.Message{saga.Waive{Reason: in.Reason}}
		for _, p := range begun {
			all = append(all, saga.Waive{Step: p.Step, Reason: in.Reason})
		}
		return all
	}
	return nil
}
