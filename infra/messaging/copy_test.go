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

// copies reads so many records of the topic of dead letters.
func (w *world) copies(want int) []*kgo.Record {
	w.t.Helper()
	reader := w.broker.Client(w.t, kgo.ConsumeTopics(w.broker.Prefix+messaging.DeadLetterTopic(commandsTopic)),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxPartitionBytes(16<<20))
	var out []*kgo.Record
	w.eventually("copies of dead letters", func() bool {
		ctx, cancel := contextFor(w.t)
		defer cancel()
		out = append(out, reader.PollFetches(ctx).Records()...)
		return len(out) >= want
	})
	return out
}

func header(r *kgo.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// A copy is the record as it was, with what is wrong with it; one that is too large is named only.
func TestCopiesOfDeadLetters(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		w.client = b.Client(t, kgo.ProducerBatchMaxBytes(16<<20))
		w.allowLarge(commandsTopic)
		r := w.start(func(c *messaging.Config) { c.NoRelay = false }, nil)
		small, large := uuid.New(), uuid.New()
		broken := w.record(messaging.Message{Subject: small, Body: add{Text: "a"}})
		broken.Value = []byte{0xff, 0x00, '{'}
		huge := w.record(messaging.Message{Subject: large, Body: add{Text: strings.Repeat("x", 10<<20)}})
		w.produce(broken, w.record(messaging.Message{Subject: small, Body: add{Text: "b"}}))
		w.eventually("the broker takes large messages by now", func() bool { return w.client.ProduceSync(t.Context(), huge).FirstErr() == nil })
		w.eventually("set aside", func() bool { return w.letters(small) == "unreadable, behind" && w.letters(large) == "too large" })

		for _, c := range w.copies(2) {
			require.Equal(t, commandsTopic, header(c, "__dlq.errors.topic"))
			require.Equal(t, "account", header(c, "__dlq.errors.group"))
			require.NotEmpty(t, header(c, "__dlq.errors.offset"))
			require.NotEmpty(t, header(c, "__dlq.errors.exception.message"))
			switch string(c.Key) {
			case small.String():
				require.Equal(t, broken.Value, c.Value)
				require.Equal(t, broken.Partition, c.Partition)
				require.Equal(t, "unreadable", header(c, "__dlq.errors.reason"))
				for i, h := range broken.Headers {
					require.Equal(t, h, c.Headers[i])
				}
			case large.String():
				require.Nil(t, c.Value)
				require.Equal(t, "too large", header(c, "__dlq.errors.reason"))
				require.NotEmpty(t, header(c, "__dlq.errors.omitted.bytes"))
			default:
				t.Errorf("a copy of %q", c.Key)
			}
		}
		letter, err := r.DeadLetter(t.Context(), w.letter(large, 0))
		require.NoError(t, err)
		require.True(t, bytes.Equal(huge.Value, letter.Record.Value)) // kept as it is all the same

		// A rewind sends no copy again.
		w.exec(`UPDATE positions SET next = 0, owner = ''`)
		w.send(messaging.Message{Subject: small, Body: add{Text: "c"}})
		w.eventually("c waits", func() bool { return w.letters(small) == "unreadable, behind, behind" })
		require.Equal(t, 0, value[int](w, `SELECT count(*) FROM outbox WHERE record IS NOT NULL`))
		require.Len(t, w.copies(2), 2)
	})
}
