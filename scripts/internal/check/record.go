package check

import "fmt"

// Record is one record of a topic, as it is on the wire.
type Record struct {
	Topic     string   `json:"topic"`
	Partition int32    `json:"partition"`
	Offset    int64    `json:"offset"`
	At        int64    `json:"at"` // when the broker appended it, in Unix milliseconds
	Key       string   `json:"key"`
	Headers   []Header `json:"headers"`
	Value     Text     `json:"value"`
}

// Text is bytes that are mostly readable: JSON has them as a string.
type Text []byte

// MarshalText returns the bytes as they are.
func (t Text) MarshalText() ([]byte, error) { return t, nil }

// UnmarshalText copies.
func (t *Text) UnmarshalText(b []byte) error {
	*t = append(Text(nil), b...)
	return nil
}

// Header of a record.
type Header struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// place is where a record stands: the evidence that findings name.
type place struct {
	topic     topic
	partition int32
	offset    int64
}

func (p place) String() string {
	return fmt.Sprintf("%s/%d@%d", topicNames[p.topic], p.partition, p.offset)
}

// message is a record as the checker understands it, at its first appearance.
type message struct {
	kind     kind
	source   source
	place    place
	last     int64 // offset of the last appearance
	at       int64 // when the broker appended the first
	id       ID
	cause    ID
	sequence int64
	attempt  int
	hash     [16]byte // of headers and value
	value    [16]byte // of the value alone
	says     *words   // nil where that is the order alone
}

func (m *message) String() string {
	if m.attempt > 1 {
		return fmt.Sprintf("%s attempt %d (%s)", m.kind, m.attempt, m.place)
	}
	return fmt.Sprintf("%s (%s)", m.wireType(), m.place)
}

// wireType is its type on the wire, with the version in which it was said.
func (m *message) wireType() string {
	if m.words().Second {
		return secondPlaced
	}
	return m.kind.String()
}

func (m *message) step() int  { return meaning[m.kind].step }
func (m *message) role() role { return meaning[m.kind].role }

// isAnswer tells whether it answers a command.
func (m *message) isAnswer() bool { return m.kind.asks() != noKind }

// words is what it says, never nil.
func (m *message) words() *words {
	if m.says == nil {
		return &nothing
	}
	return m.says
}

var nothing words
