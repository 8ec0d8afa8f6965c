package messaging

import (
	"time"

	"github.com/google/uuid"
)

// Message is one CloudEvent 1.0, coming in or going out, or an input that is no Kafka record (see Machine.Submit).
//
// What Decide returns needs Body and Sequence; commands also ID and Attempt. The machine fills in what is left zero:
// Type, Topic and Data from the codec, Source from its own name, Subject, Traceparent and Tracestate from the input,
// CausationID from the input's ID, Time from now, CorrelationID from Subject, and ID as AnswerID.
type Message struct {
	ID          uuid.UUID // ce_id
	Source      string    // ce_source, "/services/payment"
	Type        string    // ce_type, "PaymentAuthorized.v1"; empty for a submitted input
	Subject     uuid.UUID // ce_subject and record key: the entity, and what order is kept for
	Time        time.Time // ce_time, UTC
	Sequence    int64     // ce_sequence: what Source emitted for Subject, from 1, across topics
	CausationID uuid.UUID // ce_causationid; uuid.Nil where absent
	Attempt     int       // ce_attempt: commands only, from 1; 0 where absent
	Traceparent string    // W3C Trace Context
	Tracestate  string

	Body any    // decoded, in the newest version of its type
	Data []byte // the record's value as it is on the wire

	Topic     string // without the configured prefix; empty for a submitted input
	Partition int32  // of Subject, the same on every topic
	Offset    int64  // in Topic; 0 for what is going out

	sealed bool // by a Fence: complete as recorded, nothing is filled in
}

// AnswerID is the id of a message that is not a command: UUIDv5 of the subject's namespace over source and sequence.
// It is derived, not drawn, so that a repeated decision or a re-sent answer has the same id by construction.
func AnswerID(subject uuid.UUID, source string, sequence int64) uuid.UUID {
	b := make([]byte, 0, 64)
	b = append(b, source...)
	b = append(b, '/')
	b = appendInt(b, sequence)
	return uuid.NewSHA1(subject, b)
}
