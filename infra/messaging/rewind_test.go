package messaging_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/testkit"
)

var replaying = messaging.Wish{Operator: "olga", Reason: "the table was restored", Key: "monday"}

// An operator rewinds a running service. Its worker finds out, reads everything again, sends nothing and changes nothing (I10); the
// audit says who wished for it, and the same wish has one effect.
func TestOperatorRewindsARunningService(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		subjects := spread(8)
		r := w.start(nil, nil)
		for _, s := range subjects {
			w.send(messaging.Message{Subject: s, Body: open{}}, messaging.Message{Subject: s, Body: undo{}})
		}
		w.eventually("all are handled", func() bool { return r.count(t, "handled") == 16 })
		const state = `SELECT string_agg(a::text, E'\n' ORDER BY subject) FROM account a`
		const sent = `SELECT string_agg(o::text, E'\n' ORDER BY id) FROM outbox o`
		was, said := value[string](w, state), value[string](w, sent)
		before, err := r.Positions(t.Context())
		require.NoError(t, err)
		require.Len(t, before, partitions)

		done, err := r.Rewind(t.Context(), messaging.Rewinding{}, replaying)
		require.NoError(t, err)
		var again int64
		for _, m := range done.Moves {
			require.Zero(t, m.To)
			again += m.From
		}
		require.EqualValues(t, 16, again)
		w.eventually("all are read again", func() bool { return r.count(t, "handled") == 32 })
		require.Equal(t, was, value[string](w, state))
		require.Equal(t, said, value[string](w, sent))
		w.eventually("it reads on as before", func() bool {
			after, err := r.Positions(t.Context())
			require.NoError(t, err)
			for i := range after {
				if after[i].Next != before[i].Next || after[i].Owner == "" {
					return false
				}
				require.Equal(t, after[i].LogEnd, after[i].Next)
			}
			return true
		})

		same, err := r.Rewind(t.Context(), messaging.Rewinding{}, replaying)
		require.NoError(t, err)
		require.Equal(t, done, same)
		w.send(messaging.Message{Subject: subjects[0], Body: add{Text: "on"}})
		w.eventually("it goes on", func() bool { return r.count(t, "handled") == 33 })
		kept, err := r.Rewinds(t.Context(), 0, 10)
		require.NoError(t, err)
		require.Equal(t, []messaging.Rewound{done}, kept)
		require.Equal(t, []string{"olga", "the table was restored", "beginning"}, []string{kept[0].Operator, kept[0].Reason, kept[0].Target})
	})
}

// A rewind goes back and never forward, to what the log still holds, and says where it cannot.
func TestRewindOnlyGoesBack(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		subject := spread(1)[0]
		r := w.start(nil, nil)
		for range 4 {
			w.send(messaging.Message{Subject: subject, Body: add{Text: "x"}})
		}
		w.eventually("all are handled", func() bool { return r.count(t, "handled") == 4 })
		var at messaging.Position
		all, err := r.Positions(t.Context())
		require.NoError(t, err)
		for _, p := range all {
			if p.Next == 4 {
				at = p
			}
		}
		rewind := func(to messaging.Rewinding) (messaging.Rewound, error) {
			return r.Rewind(t.Context(), to, messaging.Wish{Operator: "olga", Reason: "x"})
		}
		to := func(offset int64) messaging.Rewinding {
			return messaging.Rewinding{Topic: at.Topic, Partition: &at.Partition, Offset: &offset}
		}
		w.truncate(at.Topic, at.Partition, 2)
		nowhere := int32(99)
		keyless := to(3)
		keyless.Partition = nil
		for why, c := range map[string]messaging.Rewinding{
			"skips nothing":             to(5),
			"nothing was read from":     to(4),
			"begins at 2":               to(1),
			"name its topic and number": keyless,
		} {
			_, err := rewind(c)
			var refused *messaging.RefusedError
			require.True(t, errors.As(err, &refused), "%s: %v", why, err)
			require.Contains(t, refused.Error(), why)
		}
		_, err = rewind(messaging.Rewinding{Time: time.Now().Add(time.Hour)})
		require.ErrorContains(t, err, "nothing was read from")
		for _, c := range []messaging.Rewinding{{Topic: "nothing"}, {Topic: at.Topic, Partition: &nowhere}} {
			_, err := rewind(c)
			require.ErrorIs(t, err, messaging.ErrNoPosition)
		}
		kept, err := r.Rewinds(t.Context(), 0, 10)
		require.NoError(t, err)
		require.Empty(t, kept)

		for _, c := range []messaging.Rewinding{to(3), {}, {Time: time.Now().Add(-time.Hour)}, {Partition: &at.Partition}} {
			done, err := rewind(c)
			require.NoError(t, err)
			first := int64(2)
			if c.Offset != nil {
				first = *c.Offset
			}
			require.Equal(t, []messaging.Moved{{Topic: at.Topic, Partition: at.Partition, From: 4, To: first, LogStart: 2}}, done.Moves)
			w.eventually("it is read again", func() bool {
				return value[int64](w, `SELECT next FROM positions WHERE topic = $1 AND partition = $2`, at.Topic, at.Partition) == 4
			})
		}
		require.Zero(t, r.gauge(t, "messaging_partitions_paused"))
		require.Equal(t, "x x x x", w.history(subject))
	})
}

// What a former leader of the partition wrote may be read again: its epoch is older than that of what was read last.
func TestRewindBehindANewLeader(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testkit.Kafka(t))
	subject := spread(1)[0]
	r := w.start(nil, nil)
	w.send(messaging.Message{Subject: subject, Body: add{Text: "x"}})
	w.eventually("it is handled", func() bool { return r.count(t, "handled") == 1 })
	w.exec(`UPDATE positions SET epoch = 7 WHERE next = 1`) // as after seven elections
	_, err := r.Rewind(t.Context(), messaging.Rewinding{}, replaying)
	require.NoError(t, err)
	w.eventually("it is read again", func() bool { return r.count(t, "handled") == 2 })
}
