package check

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// wireTime is how ce_time is spelled.
const wireTime = "2006-01-02T15:04:05.000000Z"

// envelope is a record's headers, before they are believed.
type envelope struct {
	spec, id, source, kind, subject, time, sequence, correlation, cause, attempt, content, parent, state string
}

func (e *envelope) field(name string) *string {
	switch name {
	case "ce_specversion":
		return &e.spec
	case "ce_id":
		return &e.id
	case "ce_source":
		return &e.source
	case "ce_type":
		return &e.kind
	case "ce_subject":
		return &e.subject
	case "ce_time":
		return &e.time
	case "ce_sequence":
		return &e.sequence
	case "ce_correlationid":
		return &e.correlation
	case "ce_causationid":
		return &e.cause
	case "ce_attempt":
		return &e.attempt
	case "content-type":
		return &e.content
	case "traceparent":
		return &e.parent
	case "tracestate":
		return &e.state
	}
	return nil
}

// decoder reads records. Its buffer is its own: one for each goroutine.
type decoder struct {
	buffer bytes.Buffer
}

// read returns the message of a record and everything that is wrong with how it is written (DESIGN, section 4). The
// message is nil where not even the order, the speaker or the type is certain.
func (d *decoder) read(r *Record) (*message, error) {
	var e envelope
	var wrong []error
	fault := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	for _, h := range r.Headers {
		switch field := e.field(h.Key); {
		case field == nil:
			fault("header %s is none of section 4", h.Key)
		case *field != "":
			fault("header %s is there twice", h.Key)
		default:
			*field = h.Value
		}
	}
	m := &message{last: r.Offset, at: r.At}
	t, ok := topicOf(r.Topic)
	if !ok {
		return nil, fmt.Errorf("topic %q is none of the six", r.Topic)
	}
	m.place = place{t, r.Partition, r.Offset}
	if _, ok := ParseID(r.Key); !ok {
		return nil, fmt.Errorf("its key %q is no lower-case UUID", r.Key)
	}
	if want := partitionOf(r.Key); want != r.Partition {
		fault("it stands in partition %d, but murmur2 of its key modulo %d is %d", r.Partition, Partitions, want)
	}
	m.kind = kindsByName[e.kind]
	var speaks bool
	m.source, speaks = sourceOf(e.source)
	m.sequence = sequenceOf(e.sequence)
	m.id, ok = ParseID(e.id)
	switch {
	case e.subject != r.Key:
		return nil, fmt.Errorf("ce_subject %q is not its key %s", e.subject, r.Key)
	case m.kind == noKind:
		return nil, fmt.Errorf("ce_type %q is unknown", e.kind)
	case !speaks:
		return nil, fmt.Errorf("ce_source %q is none of ours", e.source)
	case m.sequence == 0:
		return nil, fmt.Errorf("ce_sequence %q is not a number from 1 on, %%020d", e.sequence)
	case !ok:
		return nil, fmt.Errorf("ce_id %q is no lower-case UUID", e.id)
	}
	wrong = append(wrong, m.checkEnvelope(&e, r.Key)...)
	var err error
	if m.says, err = decodeWords(m.kind, e.kind, r.Key, r.Value); err != nil {
		return nil, errors.Join(append(wrong, err)...)
	}
	d.sum(m, r)
	return m, errors.Join(wrong...)
}

// checkEnvelope returns what is wrong with headers of a message that is known well enough to go on with.
func (m *message) checkEnvelope(e *envelope, key string) (wrong []error) {
	fault := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	word := &vocabulary[m.kind]
	if word.topic != m.place.topic {
		fault("%s belongs on %s", m.kind, topicNames[word.topic])
	}
	if word.source != m.source {
		fault("%s is not for %s to say", m.kind, e.source)
	}
	if e.spec != "1.0" {
		fault("ce_specversion is %q", e.spec)
	}
	if e.correlation != key {
		fault("ce_correlationid %q is not the order", e.correlation)
	}
	if e.content != "application/json" {
		fault("content-type is %q", e.content)
	}
	if t, err := time.Parse(wireTime, e.time); err != nil || t.Format(wireTime) != e.time {
		fault("ce_time %q is not UTC as RFC 3339 has it, with microseconds", e.time)
	}
	if e.cause != "" {
		var ok bool
		if m.cause, ok = ParseID(e.cause); !ok {
			fault("ce_causationid %q is no lower-case UUID", e.cause)
		}
	}
	if !traceable(e.parent) {
		fault("traceparent %q is not W3C's", e.parent)
	}
	switch n, err := strconv.Atoi(e.attempt); {
	case !m.kind.command() && e.attempt != "":
		fault("an event has no ce_attempt")
	case m.kind.command() && (err != nil || n < 1 || strconv.Itoa(n) != e.attempt):
		fault("ce_attempt %q is not a number from 1 on", e.attempt)
	default:
		m.attempt = n
	}
	return wrong
}

// sequenceOf returns 0 for what is no %020d from 1 on.
func sequenceOf(s string) int64 {
	if len(s) != 20 || strings.Trim(s, "0123456789") != "" {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// traceable tells whether a traceparent is well formed; none is, too.
func traceable(s string) bool {
	if s == "" {
		return true
	}
	if len(s) != 55 || s[:3] != "00-" || s[35] != '-' || s[52] != '-' {
		return false
	}
	return strings.Trim(s[3:35]+s[36:52]+s[53:], "0123456789abcdef") == ""
}

// sum hashes what a repetition must be equal to: key, headers in their order, and value.
func (d *decoder) sum(m *message, r *Record) {
	d.buffer.Reset()
	d.buffer.WriteString(r.Key)
	for _, h := range r.Headers {
		d.buffer.WriteByte(0)
		d.buffer.WriteString(h.Key)
		d.buffer.WriteByte(0)
		d.buffer.WriteString(h.Value)
	}
	d.buffer.WriteByte(0)
	d.buffer.Write(r.Value)
	whole := sha256.Sum256(d.buffer.Bytes())
	m.hash = [16]byte(whole[:])
	m.value = sumOf(r.Value)
}

func sumOf(b []byte) [16]byte {
	sum := sha256.Sum256(b)
	return [16]byte(sum[:])
}
