package messaging

import (
	"errors"
	"time"

	"github.com/google/uuid"
)

// Letter is a dead letter, or a message that waits behind one, for people.
type Letter struct {
	ID        int64
	Subject   uuid.UUID // whose key waits; uuid.Nil where the record names none: it diverts nobody
	Topic     string    // without prefix
	Partition int32
	Offset    int64
	Reason    string // "behind" where nothing is wrong with it but what it waits for
	Class     string // of the error: "SQLSTATE 23514", "panic", a Go type
	Error     string
	Stack     string // of a panic
	MessageID uuid.UUID
	Type      string
	Attempt   int // of a command
	Tries     int // how often it was tried
	TraceID   string
	Bytes     int       // of the value
	WrittenAt time.Time // of the record
	DeadAt    time.Time // when it was set aside
	TriedAt   time.Time // when it was redriven last; zero: never
	EditedAt  time.Time // zero: never

	// Of a single letter only.
	Record Record
	Ahead  int // letters of its key that come before it
	Behind int // and after it
}

// Record is what lies in Kafka, byte for byte; nil is null.
type Record struct {
	Key     []byte
	Value   []byte
	Headers []Header
}

// Header of a record.
type Header struct {
	Name  string
	Value []byte
}

// Edit is what an operator replaces of a letter; nil is left as it is. Key is heeded only where the letter names no key of ours.
type Edit struct {
	Key     []byte
	Value   []byte
	Headers []Header
}

// LetterFilter says which letters are wanted, the newest first. Zero values: all.
type LetterFilter struct {
	Subject       uuid.UUID
	Topic, Reason string
	Type          string // of messages
	Waiting       *bool  // only those that wait behind another, or only those that do not
	Before        int64  // only ids below
	Limit         int    // most letters. Required.
}

// Wish is what makes an operator's action one that can be answered for.
type Wish struct {
	Operator string // who: the token's subject
	Reason   string // why
	Key      string // the operator's: the same action on the same letter with the same key has one effect; "": no other is the same
}

// What operators do to letters.
const (
	ActionRedrive = "redrive"
	ActionEdit    = "edit"
	ActionDiscard = "discard"
)

// AuditEntry is what one wish did, for ever.
type AuditEntry struct {
	ID        int64
	At        time.Time
	Operator  string
	Action    string
	Reason    string
	LetterID  int64
	Subject   uuid.UUID
	Topic     string
	Partition int32
	Offset    int64
	Type      string
	Handled   int     // letters of a redrive, so far
	Ended     bool    // false: a redrive that was cut off; the same wish with the same key goes on
	Before    *Record // of an edit or a discard
	After     *Record // of an edit

	// What the redrive that returned this entry left behind: letters of the key that still wait, and why the first of them
	// does. The audit does not keep it.
	Left    int
	Stopped *Letter
}

// Errors of what operators do.
var (
	// ErrNoLetter: it was handled, superseded or discarded, or never was.
	ErrNoLetter = errors.New("there is no such dead letter")
	// ErrNoEntry: there is none with this id in the audit.
	ErrNoEntry = errors.New("there is no such entry in the audit")
	// ErrOtherEdit: the wish's key was used for an edit that left other bytes.
	ErrOtherEdit = errors.New("this Idempotency-Key was used for another edit of the letter")
	// ErrKeyWaits: the letter names a key now that waits behind other letters.
	ErrKeyWaits = errors.New("its key waits behind another dead letter: redrive that one first")
)

// FlawedError is the error of an edit that leaves a letter unreadable, or makes it another key's.
type FlawedError struct{ Err error }

func (e *FlawedError) Error() string { return e.Err.Error() }

func (e *FlawedError) Unwrap() error { return e.Err }
