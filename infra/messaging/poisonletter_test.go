package messaging_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/testkit"
)

func setHeader(r *kgo.Record, name, value string) {
	for i := range r.Headers {
		if r.Headers[i].Key == name {
			r.Headers[i].Value = []byte(value)
			return
		}
	}
	r.Headers = append(r.Headers, kgo.RecordHeader{Key: name, Value: []byte(value)})
}

// A stranger's number of an attempt that no column holds is no reason to stop its partition.
func TestAnAttemptThatNoColumnHolds(t *testing.T) {
	w := newWorld(t, testkit.Kafka(t))
	keys := together(2)
	w.start(nil, nil)
	for _, attempt := range []string{"3000000000", "99999999999999999999", "-3000000000"} {
		bad := w.record(messaging.Message{Subject: keys[0], Body: open{}})
		setHeader(bad, "ce_attempt", attempt)
		bad.Value = []byte("{")
		w.produce(bad)
	}
	w.send(messaging.Message{Subject: keys[1], Body: add{Text: "a"}})
	w.eventually("its neighbour is handled", func() bool { return w.history(keys[1]) == "a" })
	require.Equal(t, "unreadable, unreadable, unreadable", w.letters(keys[0]))
}

// A copy that no broker takes would keep everything behind it in the outbox: what headers cost beside their bytes counts, too.
func TestACopyOfManyHeaders(t *testing.T) {
	w := newWorld(t, testkit.Kafka(t))
	w.start(func(c *messaging.Config) { c.NoRelay = false }, nil)
	many := w.record(messaging.Message{Subject: uuid.New(), Body: add{Text: "a"}})
	many.Key = nil
	for range 333_100 { // three bytes each on the wire
		many.Headers = append(many.Headers, kgo.RecordHeader{Key: "x"})
	}
	w.produce(many)
	w.eventually("set aside", func() bool { return value[int](w, `SELECT count(*) FROM dead_letters`) == 1 })
	w.send(messaging.Message{Subject: uuid.New(), Body: add{Text: "a"}})
	w.eventually("all is published", func() bool { return value[int](w, `SELECT count(*) FROM outbox`) == 0 })
	require.NotEmpty(t, header(w.copies(1)[0], "__dlq.errors.omitted.bytes"))
}

// A record of no key may wear the id of a real command: it neither replaces that command's letter nor keeps it from being one.
func TestALetterOfNoKeyIsNoCommand(t *testing.T) {
	w := newWorld(t, testkit.Kafka(t))
	r := w.start(nil, nil)
	broken := func(subject, id uuid.UUID, attempt int) *kgo.Record {
		b := w.record(messaging.Message{ID: id, Subject: subject, Body: open{}, Attempt: attempt})
		b.Value = []byte("{")
		return b
	}
	mask := func(id uuid.UUID) *kgo.Record {
		m := w.record(messaging.Message{ID: id, Subject: uuid.New(), Body: open{}, Attempt: 99})
		m.Key = nil
		return m
	}
	first, second := uuid.New(), uuid.New()
	one, two := uuid.New(), uuid.New()
	w.produce(broken(first, one, 1))
	w.eventually("set aside", func() bool { return w.letters(first) == "unreadable" })
	w.produce(mask(one), mask(two))
	w.eventually("set aside", func() bool { return r.count(t, "dead") == 3 })
	w.produce(broken(second, two, 1))
	w.eventually("set aside", func() bool { return r.count(t, "dead") == 4 })
	require.Equal(t, "unreadable", w.letters(second))
	letter, err := r.DeadLetter(t.Context(), w.letter(first, 0))
	require.NoError(t, err)
	require.True(t, bytes.Equal([]byte(first.String()), letter.Record.Key), "the letter is another record now: %q", letter.Record.Key)
}

// A tracestate goes on with what its message leads to: one that no broker or database takes ends with the message.
func TestATracestateThatCannotGoOn(t *testing.T) {
	w := newWorld(t, testkit.Kafka(t))
	w.start(func(c *messaging.Config) { c.NoRelay = false }, nil)
	send := func(state string) error {
		subject := uuid.New()
		m := w.record(messaging.Message{Subject: subject, Body: add{Text: "a"}})
		setHeader(m, "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
		setHeader(m, "tracestate", state)
		if err := w.client.ProduceSync(t.Context(), m).FirstErr(); err != nil {
			return err
		}
		w.eventually("handled", func() bool { return w.history(subject) == "a" })
		return nil
	}
	require.NoError(t, send("a=\x00"))
	require.NoError(t, send("a=\xff"))
	length := 1_000_000 // the longest that the broker takes with this message
	for send(strings.Repeat("x", length)) != nil {
		length -= 10
	}
	w.eventually("all is published", func() bool { return value[int](w, `SELECT count(*) FROM outbox`) == 0 })
}
