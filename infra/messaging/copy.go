package messaging

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
)

// DeadLetterTopic is where copies of a topic's dead letters go, for Kafka's tools and for alerts: the record as it was, in
// its key's partition, with text headers that say what is wrong with it. The queue itself is in the database: what only waits
// behind a dead letter is not copied, and nothing reads the copies back.
func DeadLetterTopic(topic string) string { return topic + ".dlq" }

// DeadLetterTopics are those of the topics.
func DeadLetterTopics(topics ...string) []string {
	out := make([]string, len(topics))
	for i, topic := range topics {
		out[i] = DeadLetterTopic(topic)
	}
	return out
}

// The headers of a copy, in Kafka Connect's words (KIP-298), behind those that the record has.
const (
	headerDeadTopic     = "__dlq.errors.topic"
	headerDeadPartition = "__dlq.errors.partition"
	headerDeadOffset    = "__dlq.errors.offset"
	headerDeadTimestamp = "__dlq.errors.timestamp"
	headerDeadGroup     = "__dlq.errors.group"
	headerDeadReason    = "__dlq.errors.reason"
	headerDeadClass     = "__dlq.errors.exception.class.name"
	headerDeadMessage   = "__dlq.errors.exception.message"
	headerDeadStack     = "__dlq.errors.exception.stacktrace"
	headerDeadOmitted   = "__dlq.errors.omitted.bytes" // too large for a copy: topic, partition and offset say where it is
)

const (
	maxErrorText  = 4 << 10
	maxErrorStack = 16 << 10
	// headerLengths is what a header costs beside its bytes, at most. A copy that is larger than any broker takes would keep
	// everything behind it in the outbox.
	headerLengths = 10
)

// recordJSON is a record in the outbox's column of that name.
type recordJSON struct {
	Key     []byte       `json:"key"`
	Value   []byte       `json:"value"`
	Headers []headerJSON `json:"headers"`
}

type headerJSON struct {
	Key   string `json:"key"`
	Value []byte `json:"value"`
}

// copyOf is what goes to the topic of dead letters.
func copyOf(group string, d *deadLetter) recordJSON {
	out := recordJSON{Key: d.rec.Key, Value: d.rec.Value, Headers: headersOf(d.rec)}
	size := len(out.Key) + len(out.Value)
	for _, h := range out.Headers {
		size += len(h.Key) + len(h.Value) + headerLengths
	}
	omitted := ""
	if size > maxData {
		out.Value, out.Headers, omitted = nil, nil, strconv.Itoa(size)
		if len(out.Key) > maxErrorText {
			out.Key = nil
		}
	}
	for _, h := range [...][2]string{
		{headerDeadTopic, d.p.topic}, {headerDeadPartition, strconv.Itoa(int(d.p.partition))},
		{headerDeadOffset, strconv.FormatInt(d.rec.Offset, 10)}, {headerDeadTimestamp, spellTime(d.rec.Timestamp)},
		{headerDeadGroup, group}, {headerDeadReason, string(d.reason)}, {headerDeadClass, classOf(d.err)},
		{headerDeadMessage, short(textOf(d.err), maxErrorText)}, {headerDeadStack, short(stackOf(d.err), maxErrorStack)},
		{headerDeadOmitted, omitted},
	} {
		if h[1] != "" {
			out.Headers = append(out.Headers, headerJSON{h[0], []byte(h[1])})
		}
	}
	return out
}

// into makes r the record.
func (c *recordJSON) into(r *kgo.Record, topic string) {
	r.Topic, r.Key, r.Value, r.Headers = topic, c.Key, c.Value, kafkaHeaders(c.Headers)
}

// addCopy follows a statement that returns the id of the letter it stored, if it did, and stores the copy then: reading the
// log again sends nothing. copyArgs are its arguments, from number first on. The columns that the record does not need are
// for a relay that knows no copies.
func addCopy(letter string, first int) string {
	args := make([]string, 9)
	for i := range args {
		args[i] = "$" + strconv.Itoa(first+i)
	}
	return `WITH letter AS (` + letter + ` RETURNING id)
INSERT INTO outbox (aggregatetype, aggregateid, type, payload, event_id, source, time, sequence, record)
SELECT ` + strings.Join(args, ", ") + ` FROM letter`
}

// copyArgs are the arguments of addCopy.
func copyArgs(group string, d *deadLetter, now time.Time) ([]any, error) {
	c := copyOf(group, d)
	record, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("copy of a dead letter: %w", err)
	}
	payload := ""
	if utf8.Valid(c.Value) {
		payload = printable(string(c.Value))
	}
	place := fmt.Sprintf("%s/%s/%d/%d", group, d.p.topicID, d.p.partition, d.rec.Offset)
	return []any{
		DeadLetterTopic(d.p.topic), d.msg.Subject, printable(d.msg.Type), payload, uuid.NewSHA1(uuid.NameSpaceOID, []byte(place)),
		"/services/" + group, spellTime(now), spellSequence(0), string(record),
	}, nil
}

func headersOf(r *kgo.Record) []headerJSON {
	headers := make([]headerJSON, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = headerJSON{printable(h.Key), h.Value}
	}
	return headers
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return printable(err.Error())
}

func short(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return printable(s[:most]) // a rune may be cut
}
