package tap

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
)

// Record is a record as it lies in Kafka, decoded as far as it can be.
type Record struct {
	Topic     string            `json:"topic"` // without prefix
	Partition int32             `json:"partition"`
	Offset    int64             `json:"offset"`
	WrittenAt time.Time         `json:"written_at"` // by the broker
	Key       string            `json:"key"`
	Headers   map[string]string `json:"headers"`
	Data      json.RawMessage   `json:"data,omitempty"`    // of a known type, as on the wire
	Raw       []byte            `json:"raw,omitempty"`     // base64: of anything else
	Problem   string            `json:"problem,omitempty"` // why it is anything else

	Body any `json:"-"` // of a known type, in its newest version
}

// Type is the wire type.
func (r *Record) Type() string { return r.Headers["ce_type"] }

// Source of the message.
func (r *Record) Source() string { return r.Headers["ce_source"] }

// ID of the message, uuid.Nil where it has none.
func (r *Record) ID() uuid.UUID { return parseID(r.Headers["ce_id"]) }

// Cause is the message that this one answers, uuid.Nil where it has none.
func (r *Record) Cause() uuid.UUID { return parseID(r.Headers["ce_causationid"]) }

// Sequence counts what the source emitted for the order; 0 where it is missing.
func (r *Record) Sequence() int64 {
	n, err := strconv.ParseInt(r.Headers["ce_sequence"], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Attempt of a command; 0 for anything else.
func (r *Record) Attempt() int {
	n, err := strconv.Atoi(r.Headers["ce_attempt"])
	if err != nil {
		return 0
	}
	return n
}

// Moment is when it was written. Brokers know milliseconds: within one, it is when it was decided.
func (r *Record) Moment() time.Time {
	decided, err := time.Parse(time.RFC3339Nano, r.Headers["ce_time"])
	if err == nil && decided.Truncate(time.Millisecond).Equal(r.WrittenAt.Truncate(time.Millisecond)) {
		return decided.UTC()
	}
	return r.WrittenAt
}

// Place is where the record lies: "payment.events/3@17".
func (r *Record) Place() string { return Place(r.Topic, r.Partition, r.Offset) }

// Place spells a place in Kafka.
func Place(topic string, partition int32, offset int64) string {
	return fmt.Sprintf("%s/%d@%d", topic, partition, offset)
}

func parseID(s string) uuid.UUID {
	id, err := uuid.Parse(s)
	if err != nil {
		return uuid.Nil
	}
	return id
}

var registry = contracts.NewRegistry()

// decode reads a record of a topic whose name has the prefix.
func decode(prefix string, r *kgo.Record) Record {
	out := Record{
		Topic: r.Topic[min(len(prefix), len(r.Topic)):], Partition: r.Partition, Offset: r.Offset, WrittenAt: r.Timestamp.UTC(),
		Key: string(r.Key), Headers: make(map[string]string, len(r.Headers)),
	}
	for _, h := range r.Headers {
		out.Headers[h.Key] = string(h.Value)
	}
	return Decode(out, r.Value)
}

// Decode returns the record with its value, decoded as far as it can be.
func Decode(out Record, value []byte) Record {
	body, err := registry.Decode(out.Type(), value)
	switch {
	case err == nil:
		out.Body, out.Data = body, value
	case out.Type() == "":
		out.Raw, out.Problem = value, "no ce_type: not one of ours"
	case errors.Is(err, contracts.ErrUnknownType):
		out.Raw, out.Problem = value, "a type that this orderctl does not know"
	default:
		out.Raw, out.Problem = value, err.Error()
	}
	return out
}
