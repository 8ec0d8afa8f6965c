package messaging_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/testkit"
)

func (w *world) letters(subject uuid.UUID) string {
	w.t.Helper()
	return value[string](w, `SELECT coalesce(string_agg(reason, ', ' ORDER BY id), '') FROM dead_letters WHERE subject = $1`, subject)
}

func (w *world) heads() int {
	w.t.Helper()
	return value[int](w, `SELECT count(*) FROM dead_letter_heads`)
}

// What cannot be read is known before anything is decided. What came before it in the same batch is not set behind it.
func TestNothingIsSetBehindWhatCameLater(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		keys := together(2)
		one, two := keys[0], keys[1]
		unreadable := func(subject uuid.UUID) *kgo.Record {
			r := w.record(messaging.Message{Subject: subject, Body: add{Text: "x"}})
			r.Value = []byte("{")
			return r
		}
		w.produce( // one batch
			w.record(messaging.Message{Subject: one, Body: add{Text: "a"}}),
			w.record(messaging.Message{Subject: two, Body: add{Text: "a", Trouble: "undecidable"}}),
			unreadable(one), unreadable(two),
			w.record(messaging.Message{Subject: one, Body: add{Text: "b"}}),
		)
		w.start(nil, nil)
		w.eventually("all are handled or set aside", func() bool {
			return w.letters(one) == "unreadable, behind" && w.letters(two) == "undecidable, unreadable"
		})
		if got := w.history(one); got != "a" {
			t.Errorf("history %q, want a", got)
		}
		undone, id := uuid.New(), uuid.New()
		resend := w.record(messaging.Message{ID: id, Subject: undone, Body: open{}, Attempt: 2})
		resend.Value = nil
		w.produce(w.record(messaging.Message{ID: id, Subject: undone, Body: open{}}), w.record(messaging.Message{Subject: undone, Body: undo{}}), resend)
		w.eventually("what comes after the undo waits", func() bool { return w.letters(undone) == "null value" })
		if got := w.history(undone); got != "opened undone" {
			t.Errorf("history %q, want opened undone", got)
		}
	})
}

func TestDeadLetterDivertsItsKeyOnly(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		keys := together(2)
		bad, good := keys[0], keys[1]
		w.send( // one batch
			messaging.Message{Subject: bad, Body: add{Text: "a"}},
			messaging.Message{Subject: good, Body: add{Text: "a"}},
			messaging.Message{Subject: bad, Body: add{Text: "b", Trouble: "undecidable"}},
			messaging.Message{Subject: bad, Body: add{Text: "c"}},
			messaging.Message{Subject: good, Body: add{Text: "b"}},
		)
		r := w.start(nil, nil)
		w.eventually("the first batch is through", func() bool { return r.count(t, "handled") == 3 })
		w.send(messaging.Message{Subject: bad, Body: add{Text: "d"}}, messaging.Message{Subject: good, Body: add{Text: "c"}}) // a later one
		w.eventually("the neighbour flows", func() bool { return w.history(good) == "a b c" })
		w.eventually("d waits", func() bool { return r.count(t, "diverted") == 2 })
		if got := w.history(bad); got != "a" {
			t.Errorf("history %q, want a: something overtook the dead letter", got)
		}
		if got := w.letters(bad); got != "undecidable, behind, behind" {
			t.Errorf("letters: %s", got)
		}
		if !r.log.has(`"reason":"undecidable"`) || r.log.has(`\"text\"`) {
			t.Errorf("log: %s", r.log)
		}

		r.stop() // another process knows as well
		again := w.start(nil, nil)
		w.send(messaging.Message{Subject: bad, Body: add{Text: "e"}})
		w.eventually("e waits", func() bool { return again.count(t, "diverted") == 1 })
		w.exec(`UPDATE positions SET next = 0, owner = ''`)
		w.eventually("rewound", func() bool { return again.count(t, "handled") == 3 })
		if got := w.letters(bad); got != "undecidable, behind, behind, behind, behind" {
			t.Errorf("letters after a rewind: %s", got)
		}
	})
}

func TestUnreadableMessages(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		var records []*kgo.Record
		bad := map[string]func(*kgo.Record){
			"unknown type": func(r *kgo.Record) { r.Headers[3].Value = []byte("nonsense.v1") },
			"null value":   func(r *kgo.Record) { r.Value = nil },
			"unreadable":   func(r *kgo.Record) { r.Value = []byte("{") },
		}
		subjects := map[string]uuid.UUID{}
		for reason, spoil := range bad {
			subjects[reason] = uuid.New()
			r := w.record(messaging.Message{Subject: subjects[reason], Body: add{Text: "a"}})
			spoil(r)
			records = append(records, r, w.record(messaging.Message{Subject: subjects[reason], Body: add{Text: "b"}}))
		}
		version := w.record(messaging.Message{Subject: uuid.New(), Body: add{Text: "a"}})
		version.Headers[3].Value = []byte("add.v9")
		keyless := w.record(messaging.Message{Subject: uuid.New(), Body: add{Text: "a"}})
		keyless.Key = nil
		mixed := uuid.New()
		other := w.record(messaging.Message{Subject: mixed, Body: add{Text: "a"}})
		other.Headers[4].Value = []byte(uuid.NewString())
		records = append(records, version, keyless, other, w.record(messaging.Message{Subject: mixed, Body: add{Text: "b"}}))
		w.produce(records...)

		r := w.start(nil, nil)
		w.eventually("all are sorted", func() bool { return r.count(t, "dead") == 6 })
		w.eventually("what follows a bad key is handled", func() bool { return w.history(mixed) == "b" })
		for reason, s := range subjects {
			w.eventually("b waits", func() bool { return w.letters(s) == reason+", behind" })
		}
		if n := w.heads(); n != 4 {
			t.Errorf("%d keys wait, want 4", n)
		}
		if n := value[int](w, `SELECT count(*) FROM dead_letters WHERE reason = 'bad key' AND subject IS NULL`); n != 2 {
			t.Errorf("%d letters with a bad key, want 2", n)
		}
	})
}

func TestUnknownEventsAreSkipped(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		subject := uuid.New()
		strange := w.record(messaging.Message{Subject: subject, Body: added{History: "x"}})
		strange.Headers[3].Value = []byte("nonsense.v1")
		w.produce(strange)
		r := w.start(func(c *messaging.Config) { c.Topics = []string{eventsTopic} }, nil)
		w.eventually("it is skipped", func() bool { return r.count(t, "skipped") == 1 })
		if n := w.heads(); n != 0 {
			t.Errorf("%d keys wait, want none", n)
		}
	})
}

func TestCulpritIsFound(t *testing.T) {
	for _, trouble := range []string{"", "panic"} {
		t.Run("by "+trouble, func(t *testing.T) {
			testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
				w := newWorld(t, b)
				subjects := spread(60)
				culprit := subjects[37]
				for _, s := range subjects {
					body := add{Text: "a"}
					if s == culprit {
						body = add{Text: "unsavable", Trouble: trouble}
					}
					w.send(messaging.Message{Subject: s, Body: body})
					w.send(messaging.Message{Subject: s, Body: add{Text: "b"}})
				}
				r := w.start(nil, nil)
				w.eventually("all others are saved", func() bool {
					return value[int](w, `SELECT count(*) FROM account WHERE history = 'a b'`) == 59
				})
				w.eventually("the culprit is set aside", func() bool { return w.letters(culprit) == "poison, behind" })
				if n := value[int](w, `SELECT count(*) FROM dead_letters`); n != 2 {
					t.Errorf("%d letters, want 2", n)
				}
				if got := w.history(culprit); got != "" {
					t.Errorf("history %q, want none", got)
				}
				if n := r.handler.loads.Load(); n > 40 {
					t.Errorf("%d transactions to find one of 120", n)
				}
			})
		})
	}
}

// The messages that the database accuses are set aside without a search, however many there are, and nothing is sent twice.
func TestAccusedAreSetAsideAtOnce(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		subjects := spread(60)
		culprits := []uuid.UUID{subjects[3], subjects[11], subjects[12], subjects[40]}
		for _, s := range subjects {
			body := add{Text: "a"}
			if slices.Contains(culprits, s) {
				body = add{Text: "unsavable"}
			}
			w.send(messaging.Message{Subject: s, Body: body})
		}
		r := w.start(nil, nil)
		w.eventually("all others are saved", func() bool { return value[int](w, `SELECT count(*) FROM account WHERE history = 'a'`) == 56 })
		w.eventually("the culprits are set aside", func() bool { return w.heads() == len(culprits) })
		if n := r.handler.loads.Load(); n > 16 {
			t.Errorf("%d transactions to find four of 60", n)
		}
		for _, s := range subjects {
			w.send(messaging.Message{Subject: s, Body: add{Text: "b"}})
		}
		w.eventually("all others go on", func() bool { return value[int](w, `SELECT count(*) FROM account WHERE history = 'a b'`) == 56 })
		for _, s := range culprits {
			w.eventually("it waits", func() bool { return w.letters(s) == "poison, behind" })
		}
		if n := w.outbox("added.v1"); n != 2*56 {
			t.Errorf("%d answers, want %d", n, 2*56)
		}
		if got := value[string](w, `SELECT string_agg(DISTINCT class || ' ' || tries, ', ') FROM dead_letters WHERE reason = 'poison'`); !strings.HasPrefix(got, "SQLSTATE 23514 ") {
			t.Errorf("the letters say %s", got)
		}
	})
}

// A schema that lacks something is no message's fault: everything waits, nothing is set aside.
func TestMissingTableBlamesNobody(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		if _, err := w.db.Pool.Exec(t.Context(), `ALTER TABLE account RENAME TO elsewhere`); err != nil {
			t.Fatal(err)
		}
		subject := uuid.New()
		w.send(messaging.Message{Subject: subject, Body: add{Text: "a"}})
		r := w.start(nil, nil)
		w.eventually("tried again and again", func() bool { return r.handler.loads.Load() > 3 })
		if n := w.heads(); n != 0 {
			t.Errorf("%d keys wait, want none", n)
		}
		if _, err := w.db.Pool.Exec(t.Context(), `ALTER TABLE elsewhere RENAME TO account`); err != nil {
			t.Fatal(err)
		}
		w.eventually("handled", func() bool { return w.history(subject) == "a" })
	})
}

func TestUndoClosesDeadLetteredCommands(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		subject := uuid.New()
		id := uuid.New()
		spoiled := func(attempt int) *kgo.Record {
			r := w.record(messaging.Message{ID: id, Subject: subject, Body: open{}, Attempt: attempt})
			r.Value = []byte("{")
			return r
		}
		r := w.start(nil, nil)
		w.produce(spoiled(1))
		w.eventually("set aside", func() bool { return w.letters(subject) == "unreadable" })
		w.produce(spoiled(3), spoiled(2))
		w.eventually("sent again", func() bool { return r.count(t, "dead") == 3 })
		if got := value[int](w, `SELECT max(attempt) FROM dead_letters HAVING count(*) = 1`); got != 3 {
			t.Errorf("attempt %d in the queue, want only the newest, 3", got)
		}
		w.send(messaging.Message{Subject: subject, Body: undo{}})
		w.eventually("the undo is handled", func() bool { return w.history(subject) == "undone" })
		if n := w.heads(); n != 0 {
			t.Errorf("%d keys wait, want none", n)
		}
		if got := w.letters(subject); got != "" {
			t.Errorf("letters: %s", got)
		}
		// Nor does a re-send that cannot be read stand in the way of what undoes that which was done (scenario 30).
		done, again := uuid.New(), uuid.New()
		w.send(messaging.Message{ID: again, Subject: done, Body: open{}})
		resend := w.record(messaging.Message{ID: again, Subject: done, Body: open{}, Attempt: 2})
		resend.Value = nil
		w.produce(resend)
		w.eventually("the re-send is set aside", func() bool { return w.letters(done) == "null value" })
		w.send(messaging.Message{Subject: done, Body: undo{}}, messaging.Message{ID: again, Subject: done, Body: open{}, Attempt: 3})
		w.eventually("it is undone", func() bool { return w.history(done) == "opened undone" })
		if got := w.letters(done); got != "" {
			t.Errorf("letters: %s", got)
		}
		// But not what is no forward command.
		other := uuid.New()
		w.send(messaging.Message{Subject: other, Body: add{Trouble: "undecidable"}}, messaging.Message{Subject: other, Body: undo{}})
		w.eventually("the undo waits", func() bool { return w.letters(other) == "undecidable, behind" })
	})
}
