package adminapi

import (
	"time"
	"unicode/utf8"
)

// Bytes are text where they are UTF-8, else base64. Nil: null, as in Kafka.
type Bytes struct {
	Text   *string `json:"text,omitempty"`
	Base64 []byte  `json:"base64,omitempty"`
}

// BytesOf spells b.
func BytesOf(b []byte) *Bytes {
	if utf8.Valid(b) {
		s := string(b)
		return &Bytes{Text: &s}
	}
	return &Bytes{Base64: b}
}

// Raw are the bytes themselves.
func (b *Bytes) Raw() []byte {
	switch {
	case b == nil:
		return nil
	case b.Text != nil:
		return []byte(*b.Text)
	}
	return b.Base64
}

// Header of a record that was set aside.
type Header struct {
	Name  string `json:"name"`
	Value *Bytes `json:"value"`
}

// LetterRecord is what lies in Kafka.
type LetterRecord struct {
	Key     *Bytes   `json:"key"`
	Value   *Bytes   `json:"value"`
	Headers []Header `json:"headers"`
}

// Letter is a message that a program set aside, or one that waits behind it.
type Letter struct {
	ID        int64         `json:"letter_id"`
	Group     string        `json:"group"` // the program
	Subject   *string       `json:"subject"`
	Topic     string        `json:"topic"`
	Partition int32         `json:"partition"`
	Offset    int64         `json:"offset"`
	Reason    string        `json:"reason"`
	Class     *string       `json:"class"`
	Error     *string       `json:"error"`
	Stack     *string       `json:"stack,omitempty"`
	MessageID *string       `json:"message_id"`
	Type      *string       `json:"type"`
	Attempt   *int          `json:"attempt"`
	Tries     int           `json:"tries"`
	TraceID   *string       `json:"trace_id"`
	Bytes     int           `json:"bytes"`
	WrittenAt time.Time     `json:"written_at"`
	DeadAt    time.Time     `json:"dead_at"`
	TriedAt   *time.Time    `json:"tried_at"`
	EditedAt  *time.Time    `json:"edited_at"`
	Record    *LetterRecord `json:"record,omitempty"` // these only where it is read alone
	Ahead     *int          `json:"ahead,omitempty"`
	Behind    *int          `json:"behind,omitempty"`
}

// LetterPage is some of them.
type LetterPage struct {
	Items      []Letter `json:"items"`
	NextCursor *string  `json:"next_cursor"`
}

// Redriven is what a redrive did.
type Redriven struct {
	Entry   LetterEntry `json:"entry"`
	Left    int         `json:"left"`    // that still wait
	Stopped *Letter     `json:"stopped"` // the one that failed again
}

// LetterEntry is what the audit keeps of a wish.
type LetterEntry struct {
	ID       int64     `json:"entry_id"`
	Group    string    `json:"group"`
	At       time.Time `json:"at"`
	Operator string    `json:"operator"`
	Action   string    `json:"action"`
	Reason   string    `json:"reason"`
	LetterID int64     `json:"letter_id"`
	Subject  *string   `json:"subject"`
	Type     *string   `json:"type"`
	Handled  int       `json:"handled"`
	Ended    bool      `json:"ended"`
}

// LetterEntryPage is some of them.
type LetterEntryPage struct {
	Items      []LetterEntry `json:"items"`
	NextCursor *string       `json:"next_cursor"`
}

// LetterEdit is what shall replace the bytes of a letter.
type LetterEdit struct {
	Reason  string   `json:"reason"`
	Value   *Bytes   `json:"value,omitempty"`
	Headers []Header `json:"headers,omitempty"` // all of them; none: they stay
}
