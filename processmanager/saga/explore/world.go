package explore

import "encoding/binary"

// Bounds of a world. None is reached by a saga that ends; more of anything is a violation.
const (
	maxSides   = 4
	maxLog     = 28
	maxLetters = 14
)

// manager is the process manager's place among the readers; the participants have theirs by their number.
const manager = maxSides

// message is a command's or an event's number in tables.
type message uint16

// topic holds the order's messages of one topic in the order of first appearance: read of them were read by its one reader.
type topic struct {
	read, size uint8
	messages   [maxLog]message
}

func (t *topic) unread() int { return int(t.size - t.read) }

func (t *topic) next() message { return t.messages[t.read] }

func (t *topic) add(m message) (fits bool) {
	if int(t.size) == len(t.messages) {
		return false
	}
	t.messages[t.size] = m
	t.size++
	return true
}

// take counts the next message as read. One that was read before is forgotten: who rewinds reads it in its first place.
func (t *topic) take() {
	for _, m := range t.messages[:t.read] {
		if m == t.messages[t.read] {
			t.lose()
			return
		}
	}
	t.read++
}

// lose removes the next message from the log.
func (t *topic) lose() { t.remove(t.read) }

func (t *topic) remove(at uint8) {
	copy(t.messages[at:], t.messages[at+1:t.size])
	t.size--
}

// letters is the queue of one group's dead letters.
type letters struct {
	size     uint8
	messages [maxLetters]message
}

func (l *letters) all() []message { return l.messages[:l.size] }

func (l *letters) add(m message) (fits bool) {
	if int(l.size) == len(l.messages) {
		return false
	}
	l.messages[l.size] = m
	l.size++
	return true
}

func (l *letters) remove(at int) {
	copy(l.messages[at:], l.messages[at+1:l.size])
	l.size--
}

// world is one state: of everything that has a table, its number there.
type world struct {
	instance uint32
	sides    [maxSides]uint32
	commands [maxSides]topic // to each participant
	events   [maxSides]topic // from each
	aside    [maxSides + 1]letters
	backlog  [maxSides]uint8 // unread events that were in the log when the deadline passed
	swapped  bool            // Config.Swapped decides
}

// appendKey encodes the world of so many participants. Without past, what was read is left out: nothing reads it again.
func (w *world) appendKey(b []byte, sides int, past bool) []byte {
	b = binary.AppendUvarint(b, uint64(w.instance)<<1|w.decider())
	for k := range sides {
		b = binary.AppendUvarint(b, uint64(w.sides[k]))
		b = w.commands[k].appendKey(b, past)
		b = w.events[k].appendKey(b, past)
		b = append(b, w.backlog[k])
		b = w.aside[k].appendKey(b)
	}
	return w.aside[manager].appendKey(b)
}

// decider is 1 where Config.Swapped decides.
func (w *world) decider() uint64 {
	if w.swapped {
		return 1
	}
	return 0
}

func (t *topic) appendKey(b []byte, past bool) []byte {
	from := t.read
	if past {
		from = 0
	}
	b = append(b, t.read-from, t.size-from)
	for _, m := range t.messages[from:t.size] {
		b = binary.AppendUvarint(b, uint64(m))
	}
	return b
}

func (l *letters) appendKey(b []byte) []byte {
	b = append(b, l.size)
	for _, m := range l.all() {
		b = binary.AppendUvarint(b, uint64(m))
	}
	return b
}

// decode reads what appendKey wrote.
func (w *world) decode(b []byte, sides int) {
	r := reader{b}
	first := r.number()
	*w = world{instance: uint32(first >> 1), swapped: first&1 == 1}
	for k := range sides {
		w.sides[k] = uint32(r.number())
		r.topic(&w.commands[k])
		r.topic(&w.events[k])
		w.backlog[k] = r.byte()
		r.letters(&w.aside[k])
	}
	r.letters(&w.aside[manager])
}

type reader struct{ rest []byte }

func (r *reader) byte() byte {
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.rest)
	r.rest = r.rest[size:]
	return n
}

func (r *reader) topic(t *topic) {
	t.read, t.size = r.byte(), r.byte()
	for k := range t.size {
		t.messages[k] = message(r.number())
	}
}

func (r *reader) letters(l *letters) {
	l.size = r.byte()
	for k := range l.size {
		l.messages[k] = message(r.number())
	}
}
