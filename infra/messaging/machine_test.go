package messaging_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/testkit"
)

// The conformance suite: the same on every broker.

func TestEffectOnceUnderDuplicates(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		subject := uuid.New()
		m := messaging.Message{ID: uuid.New(), Subject: subject, Body: add{Text: "a"}}
		w.send(m, m, messaging.Message{Subject: subject, Body: add{Text: "b"}}, m)
		r := w.start(nil, nil)
		w.eventually("all are handled", func() bool { return r.count(t, "handled") == 4 })
		if got := w.history(subject); got != "a b" {
			t.Errorf("history %q, want a b", got)
		}
		if n := w.outbox("added.v1"); n != 2 {
			t.Errorf("%d answers, want 2", n)
		}
		if got := value[string](w, `SELECT string_agg(sequence::bigint::text, ' ' ORDER BY id) FROM outbox`); got != "1 2" {
			t.Errorf("sequences %q", got)
		}
	})
}

func TestPositionsSurviveLostOffsets(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		subjects := spread(8)
		for _, s := range subjects {
			w.send(messaging.Message{Subject: s, Body: add{Text: "a"}})
		}
		first := w.start(nil, nil)
		w.eventually("all are handled", func() bool { return first.count(t, "handled") == 8 })
		first.stop()
		w.resetOffsets() // as if the process had died between COMMIT and the offsets' commit

		second := w.start(nil, nil)
		for _, s := range subjects {
			w.send(messaging.Message{Subject: s, Body: add{Text: "b"}})
		}
		w.eventually("the rest is handled", func() bool { return second.count(t, "handled") >= 8 })
		for _, s := range subjects {
			w.eventually("b is in "+s.String(), func() bool { return w.history(s) == "a b" })
		}
		if n := second.count(t, "handled") + second.count(t, "stale"); n != 8 {
			t.Errorf("read %d messages again, want none", n-8)
		}
	})
}

func TestLostOwnershipVoidsTheWholeBatch(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		subjects := spread(2) // partitions 0 and 1
		r := w.start(nil, nil)
		w.send(messaging.Message{Subject: subjects[0], Body: add{Text: "warm"}}, messaging.Message{Subject: subjects[1], Body: add{Text: "warm"}})
		w.eventually("warm", func() bool { return r.count(t, "handled") == 2 })

		// Another owner handled the next message of partition 1 while this worker was paused.
		w.exec(`UPDATE positions SET owner = 'another', next = next + 1 WHERE partition = 1`)
		w.send(messaging.Message{Subject: subjects[0], Body: add{Text: "own"}}, messaging.Message{Subject: subjects[1], Body: add{Text: "anothers"}})
		w.eventually("own is in", func() bool { return w.history(subjects[0]) == "warm own" })
		w.send(messaging.Message{Subject: subjects[1], Body: add{Text: "next"}})
		w.eventually("next is in", func() bool { return strings.Contains(w.history(subjects[1]), "next") })
		if got := w.history(subjects[1]); got != "warm next" {
			t.Errorf("history %q: what another owner handled came again", got)
		}
		if !r.log.has("taking them again") {
			t.Error("the batch did not fail")
		}
	})
}

func TestReplicasShareAndTakeOver(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		replica := func(name string) func(*messaging.Config) {
			return func(c *messaging.Config) { c.Replica, c.Workers = name, 2 }
		}
		subjects := spread(40)
		round := func(text string) {
			for _, s := range subjects {
				w.send(messaging.Message{Subject: s, Body: add{Text: text}})
			}
		}
		allHave := func(want string) func() bool {
			return func() bool {
				return value[int](w, `SELECT count(*) FROM account WHERE history = $1`, want) == len(subjects)
			}
		}
		one := w.start(replica("1"), nil)
		round("a")
		two := w.start(replica("2"), nil)
		round("b")
		w.eventually("both replicas own partitions", func() bool {
			return value[int](w, `SELECT count(DISTINCT split_part(owner, '/', 1)) FROM positions`) == 4
		})
		round("c")
		w.eventually("a b c everywhere, once", allHave("a b c"))
		if two.count(t, "handled") == 0 {
			t.Error("the second replica handled nothing")
		}
		one.stop()
		for _, m := range w.members() {
			if strings.HasPrefix(m, "account-1-") {
				t.Errorf("%s has not left the group", m)
			}
		}
		round("d")
		w.eventually("a b c d everywhere, once", allHave("a b c d"))
	})
}

// A replica can be paused amid a pipeline of statements. Its locks stay, and no timeout of the server frees them: who takes
// over does.
func TestAPausedReplicasLocksAreFreed(t *testing.T) {
	w := newWorld(t, testkit.Kafka(t))
	subject := uuid.New()
	r := w.start(nil, nil)
	w.send(messaging.Message{Subject: subject, Body: add{Text: "a"}})
	w.eventually("a", func() bool { return w.history(subject) == "a" })
	r.stop()

	paused, err := w.db.Pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer paused.Release()
	if _, err := paused.Exec(t.Context(), `BEGIN`); err != nil {
		t.Fatal(err)
	}
	pipeline := paused.Conn().PgConn().StartPipeline(t.Context())
	pipeline.SendQueryParams(`UPDATE positions SET next = next + 1`, nil, nil, nil, nil)
	pipeline.SendQueryParams(`UPDATE account SET history = 'paused'`, nil, nil, nil, nil)
	if err := pipeline.Flush(); err != nil {
		t.Fatal(err)
	}
	w.eventually("it holds the locks", func() bool {
		return value[int](w, `SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'ClientRead' AND state = 'active'`,
			int32(paused.Conn().PgConn().PID())) == 1
	})
	w.start(nil, nil)
	w.send(messaging.Message{Subject: subject, Body: add{Text: "b"}})
	w.eventually("a b", func() bool { return w.history(subject) == "a b" })
}

func TestRewindSendsNothingNew(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		subjects := spread(8)
		r := w.start(nil, nil)
		for _, s := range subjects {
			w.send(messaging.Message{Subject: s, Body: open{}}, messaging.Message{Subject: s, Body: undo{}})
		}
		w.eventually("all are handled", func() bool { return r.count(t, "handled") == 16 })
		before := value[string](w, `SELECT string_agg(o::text, E'\n' ORDER BY id) FROM outbox o`)

		w.exec(`UPDATE positions SET next = 0, owner = ''`)
		w.eventually("all are read again", func() bool { return r.count(t, "handled") == 32 })
		if after := value[string](w, `SELECT string_agg(o::text, E'\n' ORDER BY id) FROM outbox o`); after != before {
			t.Errorf("outbox before:\n%s\nafter:\n%s", before, after)
		}
		for _, s := range subjects {
			if got := w.history(s); got != "opened undone" {
				t.Errorf("history %q", got)
			}
		}
	})
}

func TestLostCommitAnswer(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		proxy := newProxy(t, w.db.URL)
		r := w.start(nil, proxy.pool(t))
		subjects := spread(8)
		w.send(messaging.Message{Subject: subjects[0], Body: add{Text: "warm"}})
		w.eventually("warm", func() bool { return r.count(t, "handled") == 1 })
		for round := range 5 {
			proxy.loseCommits(1)
			for _, s := range subjects {
				w.send(messaging.Message{Subject: s, Body: add{Text: fmt.Sprint(round)}})
			}
			w.eventually("an answer was lost", func() bool { return proxy.lost() == round+1 })
			for i, s := range subjects {
				want := strings.TrimSpace("0 1 2 3 4"[:2*round+1])
				if i == 0 {
					want = "warm " + want
				}
				w.eventually("effect once: "+want, func() bool { return w.history(s) == want })
			}
		}
	})
}
