package why

import (
	"fmt"
	"strings"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/messaging/trail"
	"ordersaga.internal/services/ops/internal/adminapi/manager"
	"ordersaga.internal/services/ops/internal/tap"
)

// Findings says what does not add up: one sentence each. None: everything that could be read adds up. Notes say what could not be judged.
func (e *Evidence) Findings() (findings, notes []string) {
	j := &judge{Evidence: e}
	j.inputs()
	j.sent()
	j.heard()
	j.taken()
	j.answered()
	j.outcome()
	j.money()
	return j.findings, j.notes
}

// judge holds what was found against what must be.
type judge struct {
	*Evidence

	findings, notes []string
}

func (j *judge) find(format string, args ...any) {
	j.findings = append(j.findings, fmt.Sprintf(format, args...))
}

func (j *judge) note(format string, args ...any) {
	j.notes = append(j.notes, fmt.Sprintf(format, args...))
}

// at is the message at a place, nil where there is none of this order.
func (e *Evidence) at(topic string, offset int64) *tap.Record {
	for i := range e.Messages {
		if m := &e.Messages[i]; m.Topic == topic && m.Offset == offset {
			return m
		}
	}
	return nil
}

// published tells whether a message is on the log. Where the log's beginning was deleted, nobody knows.
func (e *Evidence) published(is func(*tap.Record) bool) bool {
	for i := range e.Messages {
		if is(&e.Messages[i]) {
			return true
		}
	}
	return false
}

// whole tells whether a topic still holds what it ever held of the order's partition.
func (e *Evidence) whole(topic string) bool { return e.Log[topic].First == 0 }

func (j *judge) history() []manager.Entry {
	if j.Instance == nil || j.Instance.History == nil {
		return nil
	}
	return *j.Instance.History
}

// inputs: every message that the saga took is on the log, where it was read.
func (j *judge) inputs() {
	if j.Log == nil {
		return
	}
	for _, h := range j.history() {
		if h.Topic == nil {
			continue
		}
		m := j.at(*h.Topic, *h.Offset)
		place := tap.Place(*h.Topic, int32(j.Instance.Partition), *h.Offset)
		switch {
		case m == nil && *h.Offset < j.Log[*h.Topic].First:
			j.note("%s at %s is older than what Kafka keeps", h.Input, place)
		case m == nil:
			j.find("the saga took %s from %s, where there is no message of this order", h.Input, place)
		case m.ID() != h.InputId:
			j.find("the saga took %s with id %s from %s, where there is another message (%s)", h.Input, h.InputId, place, m.ID())
		}
	}
}

// sent: every command of a transition was published, or waits in the outbox.
func (j *judge) sent() {
	if j.Log == nil || j.Trails[managers] == nil {
		return
	}
	for _, h := range j.history() {
		for _, c := range h.Commands {
			waits := false
			for _, row := range j.Trails[managers].Outbox {
				waits = waits || row.Type == c.Type && row.Attempt != nil && *row.Attempt == c.Attempt
			}
			onLog := j.published(func(m *tap.Record) bool { return m.Type() == c.Type && m.Attempt() == c.Attempt })
			switch {
			case waits || onLog:
			case !j.whole(topicOf(c.Type)):
				j.note("%s, attempt %d, is not on the log, which does not go back to its beginning", c.Type, c.Attempt)
			default:
				j.find("the saga sent %s, attempt %d, which is neither in Kafka nor in the outbox", c.Type, c.Attempt)
			}
		}
	}
}

// heard: every event that the process manager has read is in the instance's history, or set aside.
func (j *judge) heard() {
	known := map[string]bool{}
	for _, h := range j.history() {
		known[h.InputId.String()] = true
	}
	for i := range j.Messages {
		m := &j.Messages[i]
		next, ok := j.next(managers, m.Topic)
		if !strings.HasSuffix(m.Topic, ".events") || m.Problem != "" || !ok || m.Offset >= next {
			continue
		}
		if !known[m.ID().String()] && j.letter(managers, m.Topic, m.Offset) == nil {
			j.find("the process manager has read %s at %s, but its history does not know it", m.Type(), m.Place())
		}
	}
}

// taken: every command that its participant has read is in its fence, or set aside, or superseded.
func (j *judge) taken() {
	for i := range j.Messages {
		m := &j.Messages[i]
		service := group(m.Topic)
		next, ok := j.next(service, m.Topic)
		if service == managers || m.Problem != "" || !ok || m.Offset >= next || j.letter(service, m.Topic, m.Offset) != nil {
			continue
		}
		switch entry := j.fence(service, m); {
		case entry == nil && j.undone(service):
			j.note("%s at %s was closed by an undo", m.Type(), m.Place())
		case entry == nil:
			j.find("%s has read %s at %s, but does not remember it", service, m.Type(), m.Place())
		case entry.Attempt < m.Attempt():
			j.find("%s has read %s, attempt %d, but remembers attempt %d", service, m.Type(), m.Attempt(), entry.Attempt)
		}
	}
}

func (j *judge) fence(service string, m *tap.Record) *trail.FenceEntry {
	for i := range j.Trails[service].Fence {
		if f := &j.Trails[service].Fence[i]; f.CommandId == m.ID() {
			return f
		}
	}
	return nil
}

// undone tells whether the service accepted an undo: what comes after it may be closed without a word.
func (j *judge) undone(service string) bool {
	for _, f := range j.Trails[service].Fence {
		if f.Undo {
			return true
		}
	}
	return false
}

// answered: every answer that a participant remembers was published, or waits in its outbox.
func (j *judge) answered() {
	if j.Log == nil {
		return
	}
	for _, service := range []string{orders, payment, warehouse} {
		t := j.Trails[service]
		if t == nil {
			continue
		}
		waits := map[string]bool{}
		for _, row := range t.Outbox {
			waits[row.Sequence] = true
		}
		for _, f := range t.Fence {
			if f.AnswerSequence == nil || f.AnswerType == nil || waits[fmt.Sprintf("%020d", *f.AnswerSequence)] {
				continue
			}
			if j.published(func(m *tap.Record) bool {
				return m.Source() == "/services/"+service && m.Sequence() == *f.AnswerSequence && m.Type() == *f.AnswerType
			}) {
				continue
			}
			if topic := topicOf(*f.AnswerType); !j.whole(topic) {
				j.note("%s is not on the log, which does not go back to its beginning", *f.AnswerType)
				continue
			}
			j.find("%s answered %s with %s, which is neither in Kafka nor in the outbox", service, f.Operation, *f.AnswerType)
		}
	}
}

// topicOf is where messages of a type are.
func topicOf(wireType string) string {
	for _, e := range contracts.Entries() {
		if e.Type == wireType {
			return e.Topic
		}
	}
	return ""
}
