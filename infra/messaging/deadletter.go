package messaging

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// Superseder is a Handler whose messages may close dead letters. An undo means that its entity no longer goes forward: it
// closes every dead-lettered forward command of its subject, whatever its attempt, and is then handled.
type Superseder interface {
	// Supersedes returns the names, without version, of the commands that in closes where they are dead-lettered: for
	// "ReleaseStock.v1" perhaps ReserveStock and DispatchOrder. It is empty for what is no undo.
	Supersedes(in Message) []string
}

// reason is why a message was set aside.
type reason string

const (
	reasonUndecidable reason = "undecidable"  // Decide returned an error
	reasonUnreadable  reason = "unreadable"   // envelope, version or JSON
	reasonUnknownType reason = "unknown type" // on a topic of commands
	reasonNullValue   reason = "null value"
	reasonTooLarge    reason = "too large"
	reasonBadKey      reason = "bad key" // diverts nobody
	reasonPoison      reason = "poison"  // cannot be loaded or saved
	reasonBehind      reason = "behind"  // nothing wrong with it: it waits behind another of its key
)

type deadLetter struct {
	*item
	reason reason
	err    error
}

// times is how often the message was tried before it was set aside.
func (d *deadLetter) times() int {
	switch d.reason {
	case reasonBehind:
		return 0
	case reasonPoison:
		return d.tries
	}
	return d.tries + 1
}

// stored is a letter that an earlier batch set aside.
type stored struct {
	id   int64
	name string // of its type, without version
}

// letters are the dead letters of one batch: which keys wait, and what this batch adds and closes. Only the owner of a
// partition adds heads for its keys, so that what it locked at the start of the batch is all there is.
type letters struct {
	group      string
	superseder Superseder
	locked     map[uuid.UUID]struct{} // heads at the start of the batch
	heads      map[uuid.UUID]int      // heads by now: which place in the batch the key's first letter has; locked ones: -1
	queues     map[uuid.UUID][]stored // of those keys for which the batch holds an undo
	added      []deadLetter
	closed     []int64
}

func newLetters(group string, s Superseder) *letters {
	return &letters{group: group, superseder: s, heads: map[uuid.UUID]int{}, queues: map[uuid.UUID][]stored{}}
}

// triage tells which items are to be decided, and sets the others aside.
func (l *letters) triage(items []item, counts tally) (live []int) {
	live = make([]int, 0, len(items))
	for i := range items {
		it := &items[i]
		it.at = i
		switch {
		case it.fate == skipped:
			if !it.rec.Attrs.IsControl() {
				counts.add(it.p.topic, skipped)
			}
		case it.fate == dead:
			l.add(it, it.reason, it.err)
			counts.add(it.p.topic, dead)
		case !l.divert(it, counts):
			live = append(live, i)
		}
	}
	return live
}

// divert sets an item behind the dead letter of its key, if there is one before it that the item does not supersede. What cannot
// be read is known before anything is decided: what came before that must not be set behind it.
func (l *letters) divert(it *item, counts tally) bool {
	subject := it.msg.Subject
	if head, waits := l.heads[subject]; !waits || head >= it.at {
		return false
	}
	if l.superseder != nil {
		if names := l.superseder.Supersedes(it.msg); len(names) > 0 && l.supersede(it, names, counts) {
			return false
		}
	}
	l.add(it, reasonBehind, nil)
	counts.add(it.p.topic, diverted)
	return true
}

// supersede closes the letters of the subject with these names that came before the undo, and tells whether none of those is
// left.
func (l *letters) supersede(undo *item, names []string, counts tally) bool {
	subject, topic, left := undo.msg.Subject, undo.p.topic, 0
	l.queues[subject] = slices.DeleteFunc(l.queues[subject], func(s stored) bool {
		if !slices.Contains(names, s.name) {
			left++
			return false
		}
		l.closed = append(l.closed, s.id)
		counts.add(topic, superseded)
		return true
	})
	l.added = slices.DeleteFunc(l.added, func(a deadLetter) bool {
		if a.msg.Subject != subject || a.at > undo.at {
			return false
		}
		if !slices.Contains(names, nameOf(a.msg.Type)) {
			left++
			return false
		}
		counts.add(topic, superseded)
		return true
	})
	if left > 0 {
		return false
	}
	delete(l.heads, subject)
	for i := range l.added { // what cannot be read comes later
		if l.added[i].msg.Subject == subject {
			l.wait(l.added[i].item)
		}
	}
	return true
}

func (l *letters) add(it *item, why reason, err error) {
	l.added = append(l.added, deadLetter{it, why, err})
	if it.msg.Subject != uuid.Nil {
		l.wait(it)
	}
}

// wait makes the key of a letter wait from there on.
func (l *letters) wait(it *item) {
	if head, waits := l.heads[it.msg.Subject]; !waits || it.at < head {
		l.heads[it.msg.Subject] = it.at
	}
}

// announce logs what was set aside, without its data, after COMMIT, and tells whether some key waits now.
func (l *letters) announce(ctx context.Context, log *slog.Logger, m *metrics) bool {
	if len(l.added)+len(l.closed) > 0 {
		m.census.changed()
	}
	if len(l.closed) > 0 {
		log.InfoContext(ctx, "dead letters were closed by what undoes their commands", "letter_ids", l.closed)
	}
	for _, a := range l.added {
		if a.reason == reasonBehind {
			continue
		}
		log.ErrorContext(ctx, "dead letter: the message was set aside and its key waits", "reason", string(a.reason), "error", a.err,
			"class", classOf(a.err), "tries", a.times(), "subject", a.msg.Subject, "type", a.msg.Type, "id", a.msg.ID, "trace_id", traceID(a.msg.Traceparent),
			"topic", a.p.topic, "partition", a.p.partition, "offset", a.rec.Offset)
	}
	return len(l.heads) > 0
}

func nameOf(wireType string) string {
	name, _, _ := strings.Cut(wireType, ".")
	return name
}

// traceID is the middle of a traceparent, for logs.
func traceID(traceparent string) string {
	if len(traceparent) != 55 {
		return ""
	}
	return traceparent[3:35]
}
