package exploration

import (
	"fmt"
	"time"

	"github.com/google/uuid"
	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/processmanager/saga"
	"ordersaga.internal/processmanager/saga/explore"
)

var (
	order = uuid.MustParse("01937000-0000-7000-8000-000000000001")
	codec = contracts.NewRegistry()
	noon  = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
)

// model is the small part of a participant: what it decides once the fence let a command through.
type model[M any] interface {
	comparable
	// take returns the operation that a command asks for or undoes, and the ways in which its work can go.
	take(command saga.Message) (op messaging.Operation, undo bool, ways []way[M])
	// moves returns what can happen without a message.
	moves() []move[M]
}

// way is one way in which the work of a command can go. Its events come before the answer; an answer of nil is open.
type way[M any] struct {
	text string
	cost explore.Cost
	work func(*M, *messaging.Fence) (events []messaging.Message, answer any, err error)
}

// move is something that a participant does by itself.
type move[M any] struct {
	text string
	cost explore.Cost
	act  func(*M, *messaging.Fence) ([]messaging.Message, error)
}

// side is a participant: its model behind the real fence. seen is what the fence is held to by rule 4.
type side[M model[M]] struct {
	source string
	fence  *messaging.Fence
	model  M
	seen   attempts
}

// attempts is the highest attempt seen of each command, of which a participant has no more than so many.
type attempts [8]struct {
	command uuid.UUID
	highest int
}

// note notes an attempt and tells whether it is above those seen before.
func (a *attempts) note(command uuid.UUID, attempt int) (higher bool) {
	for k := range a {
		if s := &a[k]; s.command == command || s.command == uuid.Nil {
			higher = attempt > s.highest
			s.command, s.highest = command, max(s.highest, attempt)
			return higher
		}
	}
	panic("a participant with more commands than it takes")
}

func newSide[M model[M]](source string) *side[M] {
	return &side[M]{source: source, fence: messaging.NewFence(messaging.FenceConfig{Codec: codec, Source: source}, noon)}
}

// AppendKey implements explore.Side.
func (s *side[M]) AppendKey(b []byte) []byte {
	b = s.fence.AppendKey(b, order)
	for _, a := range s.seen {
		b = append(b, byte(a.highest))
	}
	return fmt.Appendf(b, "%v", s.model)
}

// Take implements explore.Side.
func (s *side[M]) Take(c saga.Outgoing) []explore.Turn {
	op, undo, ways := s.model.take(c.Body)
	in := messaging.Message{ID: c.ID, Type: c.Body.WireType(), Subject: order, Attempt: c.Attempt, Body: c.Body}
	var turns []explore.Turn
	for _, way := range ways {
		next, asked := &side[M]{s.source, s.fence.Clone(), s.model, s.seen}, 0
		var events []messaging.Message
		work := func() (answer any, err error) {
			asked++
			events, answer, err = way.work(&next.model, next.fence)
			return answer, err
		}
		handle := next.fence.Do
		if undo {
			handle = next.fence.Undo
		}
		out, err := handle(in, op, work)
		turn := next.turn(way.text, way.cost, append(events, out...), err)
		if higher := next.seen.note(c.ID, c.Attempt); !higher && (asked > 0 || len(out) > 0) {
			turn.Err = fmt.Errorf("rule 4: attempt %d of %s is not above those seen before, and is handled again", c.Attempt, c.Body.WireType())
		}
		if asked == 0 { // the fence decided: there is no other way
			turn.Text, turn.Cost = "", explore.Calm
			return []explore.Turn{turn}
		}
		if asked > 1 {
			turn.Err = fmt.Errorf("the fence let %s through twice at once", c.Body.WireType())
		}
		turns = append(turns, turn)
	}
	return turns
}

// Moves implements explore.Side.
func (s *side[M]) Moves() []explore.Turn {
	var turns []explore.Turn
	for _, m := range s.model.moves() {
		next := &side[M]{s.source, s.fence.Clone(), s.model, s.seen}
		out, err := m.act(&next.model, next.fence)
		turns = append(turns, next.turn(m.text, m.cost, out, err))
	}
	return turns
}

func (s *side[M]) turn(text string, cost explore.Cost, out []messaging.Message, err error) explore.Turn {
	t := explore.Turn{Text: text, Cost: cost, Next: s, Err: err}
	for _, m := range out {
		in, err := s.event(m)
		if err != nil {
			t.Err = err
		}
		t.Sent = append(t.Sent, in)
	}
	return t
}

// event is a message as the process manager reads it.
func (s *side[M]) event(m messaging.Message) (saga.Input, error) {
	if m.Body == nil { // recorded, and sent again
		body, err := codec.Decode(m.Type, m.Data)
		if err != nil {
			return saga.Input{}, err
		}
		m.Body = body
	}
	body, ok := m.Body.(saga.Message)
	if !ok {
		return saga.Input{}, fmt.Errorf("%T is no message", m.Body)
	}
	if m.ID == uuid.Nil {
		m.ID = messaging.AnswerID(order, s.source, m.Sequence)
	}
	return saga.Input{ID: m.ID, Subject: order, Causation: m.CausationID, Sequence: m.Sequence, Body: body}, nil
}
