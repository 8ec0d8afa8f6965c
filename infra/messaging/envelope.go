package messaging

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
)

// The headers of a record: a CloudEvent 1.0 in the Kafka protocol binding's binary mode.
const (
	headerSpecVersion = "ce_specversion"
	headerID          = "ce_id"
	headerSource      = "ce_source"
	headerType        = "ce_type"
	headerSubject     = "ce_subject"
	headerTime        = "ce_time"
	headerSequence    = "ce_sequence"
	headerCorrelation = "ce_correlationid"
	headerCausation   = "ce_causationid"
	headerAttempt     = "ce_attempt"
	headerContentType = "content-type"
	headerTraceparent = "traceparent"
	headerTracestate  = "tracestate"
)

const (
	specVersion = "1.0"
	contentType = "application/json"
	wireTime    = "2006-01-02T15:04:05.000000Z" // RFC 3339, UTC, microseconds as PostgreSQL keeps them
	maxData     = 900 << 10                     // bytes of a value: below the brokers' default limit of 1 MiB a batch
)

// What may be wrong with a record's envelope.
var (
	// errNoSubject: no key, or one that is no subject or not the header's. Nobody's order depends on such a record.
	errNoSubject = errors.New("record has no subject")
	// errEnvelope: the subject is known, but another header is missing or malformed.
	errEnvelope = errors.New("record is no CloudEvent of ours")
)

// fill gives an outgoing message what Decide left zero; see Message. What a Fence recorded stays as it was recorded.
// Errors: of the codec; a value that no broker would take. Both are permanent.
func fill(c Codec, source string, in, out *Message, now time.Time) error {
	if !out.sealed {
		if out.Source == "" {
			out.Source = sourceOf(out.Body, source)
		}
		if out.Subject == uuid.Nil {
			out.Subject = in.Subject
		}
		if out.CausationID == uuid.Nil {
			out.CausationID = in.ID
		}
		if out.Time.IsZero() {
			out.Time = now
		}
		out.Time = out.Time.UTC().Truncate(time.Microsecond)
		if out.Traceparent == "" {
			out.Traceparent, out.Tracestate = in.Traceparent, in.Tracestate
		}
		if out.ID == uuid.Nil {
			out.ID = AnswerID(out.Subject, out.Source, out.Sequence)
		}
	}
	return encode(c, out)
}

// encode fills in Type, Topic and Data from Body, unless Data is there. Errors: of the codec; too large a value.
func encode(c Codec, m *Message) error {
	if m.Data == nil {
		var err error
		if body, ok := m.Body.(Internal); ok {
			err = encodeInternal(m, body)
		} else if m.Type, m.Topic, m.Data, err = c.Encode(m.Body); err != nil {
			err = fmt.Errorf("encode %T: %w", m.Body, err)
		}
		if err != nil {
			return err
		}
	}
	if len(m.Data) > maxData {
		return fmt.Errorf("%s of %s: %d bytes are more than a broker takes", m.Type, m.Subject, len(m.Data))
	}
	return nil
}

// wire is a message as its headers spell it. The outbox keeps it so, and Debezium can copy it column by column.
// Absent ones are empty.
type wire struct {
	topic                                                                     string // without prefix
	subject, id, source, kind, time, sequence, cause, attempt, parent, states []byte // subject is also the key
	data                                                                      []byte
}

var (
	wireSpecVersion = []byte(specVersion)
	wireContentType = []byte(contentType)
)

// into makes r the record of w. The partition is the caller's.
func (w *wire) into(r *kgo.Record, prefix string) {
	h := make([]kgo.RecordHeader, 0, 13)
	h = append(h,
		kgo.RecordHeader{Key: headerSpecVersion, Value: wireSpecVersion},
		kgo.RecordHeader{Key: headerID, Value: w.id},
		kgo.RecordHeader{Key: headerSource, Value: w.source},
		kgo.RecordHeader{Key: headerType, Value: w.kind},
		kgo.RecordHeader{Key: headerSubject, Value: w.subject},
		kgo.RecordHeader{Key: headerTime, Value: w.time},
		kgo.RecordHeader{Key: headerSequence, Value: w.sequence},
		kgo.RecordHeader{Key: headerCorrelation, Value: w.subject})
	if len(w.cause) > 0 {
		h = append(h, kgo.RecordHeader{Key: headerCausation, Value: w.cause})
	}
	if len(w.attempt) > 0 {
		h = append(h, kgo.RecordHeader{Key: headerAttempt, Value: w.attempt})
	}
	h = append(h, kgo.RecordHeader{Key: headerContentType, Value: wireContentType})
	if len(w.parent) > 0 {
		h = append(h, kgo.RecordHeader{Key: headerTraceparent, Value: w.parent})
		if len(w.states) > 0 {
			h = append(h, kgo.RecordHeader{Key: headerTracestate, Value: w.states})
		}
	}
	r.Topic, r.Key, r.Value, r.Headers = prefix+w.topic, w.subject, w.data, h
}

// toRecord returns the record of a complete message, in its Partition.
func toRecord(prefix string, m *Message) *kgo.Record {
	w := wire{
		topic: m.Topic, subject: appendUUID(nil, m.Subject), id: appendUUID(nil, m.ID), source: []byte(m.Source),
		kind: []byte(m.Type), time: []byte(spellTime(m.Time)), sequence: []byte(spellSequence(m.Sequence)),
		parent: []byte(m.Traceparent), states: []byte(m.Tracestate), data: m.Data,
	}
	if m.CausationID != uuid.Nil {
		w.cause = appendUUID(nil, m.CausationID)
	}
	if m.Attempt > 0 {
		w.attempt = appendInt(nil, int64(m.Attempt))
	}
	r := &kgo.Record{Partition: m.Partition}
	w.into(r, prefix)
	return r
}

func spellTime(t time.Time) string { return t.UTC().Format(wireTime) }

// spellSequence is %020d: sequences sort as text.
func spellSequence(n int64) string {
	b := []byte("00000000000000000000")
	for i := len(b) - 1; n > 0; i, n = i-1, n/10 {
		b[i] = byte('0' + n%10)
	}
	return string(b)
}

// appendUUID appends the canonical form.
func appendUUID(b []byte, id [16]byte) []byte {
	b = hex.AppendEncode(b, id[:4])
	for _, part := range [...][]byte{id[4:6], id[6:8], id[8:10], id[10:]} {
		b = hex.AppendEncode(append(b, '-'), part)
	}
	return b
}

// fromRecord reads the envelope of a record; Body is left to the codec. On an error the message holds what could be
// read. Errors: errNoSubject, errEnvelope.
func fromRecord(prefix string, r *kgo.Record) (Message, error) {
	m := Message{Topic: r.Topic[min(len(prefix), len(r.Topic)):], Partition: r.Partition, Offset: r.Offset, Data: r.Value}
	var problem error
	fault := func(header string) {
		if problem == nil {
			problem = fmt.Errorf("%w: header %s", errEnvelope, header)
		}
	}
	var subject, spec []byte
	for i := range r.Headers {
		h := &r.Headers[i]
		switch h.Key {
		case headerSubject:
			subject = h.Value
		case headerSpecVersion:
			spec = h.Value
		default:
			if !m.readHeader(h.Key, h.Value) {
				fault(h.Key)
			}
		}
	}
	var ok bool
	if m.Subject, ok = parseUUID(r.Key); !ok {
		return m, fmt.Errorf("%w: key of %d bytes is not a lower-case UUID", errNoSubject, len(r.Key))
	}
	if subject != nil && !bytes.Equal(subject, r.Key) {
		return m, fmt.Errorf("%w: key and %s differ", errNoSubject, headerSubject)
	}
	switch {
	case string(spec) != specVersion:
		fault(headerSpecVersion)
	case subject == nil:
		fault(headerSubject)
	case m.ID == uuid.Nil:
		fault(headerID)
	case m.Source == "":
		fault(headerSource)
	case m.Type == "":
		fault(headerType)
	case m.Time.IsZero():
		fault(headerTime)
	case m.Sequence == 0:
		fault(headerSequence)
	}
	return m, problem
}

// readHeader takes one header and tells whether it is well formed. Unknown ones are ignored.
func (m *Message) readHeader(key string, value []byte) bool {
	ok, err := true, error(nil)
	switch key {
	case headerID:
		m.ID, ok = parseUUID(value)
	case headerSource:
		m.Source = string(value)
	case headerType:
		m.Type = string(value)
	case headerTime:
		m.Time, err = time.Parse(time.RFC3339Nano, string(value))
		m.Time = m.Time.UTC()
	case headerSequence:
		m.Sequence, err = strconv.ParseInt(string(value), 10, 64)
		ok = m.Sequence > 0
	case headerCausation:
		m.CausationID, ok = parseUUID(value)
	case headerAttempt:
		var n int64
		if n, err = strconv.ParseInt(string(value), 10, 32); err == nil { // what a column holds
			m.Attempt = int(n)
		}
		ok = n > 0
	case headerTraceparent:
		if wellFormed(value) { // else the trace ends here: no reason to refuse the message
			m.Traceparent = string(value)
		}
	case headerTracestate:
		if sendable(value) { // likewise
			m.Tracestate = string(value)
		}
	}
	return ok && err == nil
}

// parseUUID takes the canonical form only: 36 characters, lower case. Any other spelling would be another key.
func parseUUID(b []byte) (uuid.UUID, bool) {
	var id uuid.UUID
	if len(b) != 36 || b[8] != '-' || b[13] != '-' || b[18] != '-' || b[23] != '-' {
		return id, false
	}
	for _, c := range b {
		if c >= 'A' && c <= 'F' {
			return id, false
		}
	}
	at := 0
	for _, part := range [][]byte{b[:8], b[9:13], b[14:18], b[19:23], b[24:]} {
		n, err := hex.Decode(id[at:], part)
		if err != nil {
			return uuid.Nil, false
		}
		at += n
	}
	return id, true
}
