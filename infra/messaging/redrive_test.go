package messaging_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/testkit"
)

var olga = messaging.Wish{Operator: "olga", Reason: "the check is gone"}

// letter returns the id of a subject's n-th letter.
func (w *world) letter(subject uuid.UUID, n int) int64 {
	w.t.Helper()
	return value[int64](w, `SELECT id FROM dead_letters WHERE subject = $1 ORDER BY id OFFSET $2 LIMIT 1`, subject, n)
}

// poisoned sends a, then what the table's check refuses, then b and c, and waits until they wait.
func (w *world) poisoned(r *running, subject uuid.UUID) {
	w.t.Helper()
	w.send(
		messaging.Message{Subject: subject, Body: add{Text: "a"}},
		messaging.Message{Subject: subject, Body: add{Text: "unsavable"}},
		messaging.Message{Subject: subject, Body: add{Text: "b"}},
		messaging.Message{Subject: subject, Body: add{Text: "c"}},
	)
	w.eventually("b and c wait", func() bool { return w.letters(subject) == "poison, behind, behind" })
}

// mend is the fix of what poisoned found.
func (w *world) mend() { w.exec2(`ALTER TABLE account DROP CONSTRAINT account_history_check`) }

func (w *world) exec2(sql string) {
	w.t.Helper()
	if _, err := w.db.Pool.Exec(w.t.Context(), sql); err != nil {
		w.t.Fatal(err)
	}
}

func TestRedriveHandlesAKeyInOrderAndFreesIt(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		r := w.start(nil, nil)
		subject := uuid.New()
		w.poisoned(r, subject)

		letter, err := r.DeadLetter(t.Context(), w.letter(subject, 0))
		require.NoError(t, err)
		require.Equal(t, "SQLSTATE 23514", letter.Class)
		require.Contains(t, letter.Error, "account_history_check")
		require.Equal(t, 0, letter.Ahead)
		require.Equal(t, 2, letter.Behind)
		require.Equal(t, `{"text":"unsavable"}`, string(letter.Record.Value))
		require.Equal(t, "ce_specversion", letter.Record.Headers[0].Name)

		early, err := r.Redrive(t.Context(), letter.ID, olga) // before the fix
		require.NoError(t, err)
		require.Equal(t, 0, early.Handled)
		require.Equal(t, 3, early.Left)
		require.Equal(t, letter.Tries+1, early.Stopped.Tries)
		require.Equal(t, 1, w.heads())
		w.eventually("they are counted", func() bool {
			return r.labelled(t, "messaging_dead_letters", "poison") == 1 && r.labelled(t, "messaging_dead_letters", "behind") == 2 &&
				r.labelled(t, "messaging_dead_letter_oldest_seconds", "poison") > 0 && r.gauge(t, "messaging_dead_letter_keys") == 1
		})

		w.mend()
		done, err := r.Redrive(t.Context(), w.letter(subject, 2), olga) // any of its letters names the key
		require.NoError(t, err)
		require.Equal(t, 3, done.Handled)
		require.Equal(t, 0, done.Left)
		require.Nil(t, done.Stopped)
		require.Equal(t, "a unsavable b c restarted", w.history(subject))
		require.Equal(t, 0, w.heads())
		w.send(messaging.Message{Subject: subject, Body: add{Text: "d"}})
		w.eventually("none is counted", func() bool {
			return r.labelled(t, "messaging_dead_letters", "poison") == 0 && r.gauge(t, "messaging_dead_letter_keys") == 0
		})
		w.eventually("it flows again", func() bool { return w.history(subject) == "a unsavable b c restarted d" })

		_, err = r.Redrive(t.Context(), letter.ID, olga)
		require.ErrorIs(t, err, messaging.ErrNoLetter)
		audit, err := r.LetterAudit(t.Context(), messaging.AuditFilter{Subject: subject, Limit: 10})
		require.NoError(t, err)
		require.Len(t, audit, 2)
		require.Equal(t, []int{3, 0}, []int{audit[0].Handled, audit[1].Handled})
		require.Equal(t, "olga", audit[0].Operator)
		require.Equal(t, "the check is gone", audit[0].Reason)
	})
}

// The second letter is at fault, too: the first is handled, and the rest waits behind the second, which is a dead letter in
// its own right now.
func TestRedriveStopsAtTheNextFault(t *testing.T) {
	w := newWorld(t, testkit.Kafka(t))
	r := w.start(func(c *messaging.Config) { c.NoRelay = false }, nil)
	subject := uuid.New()
	w.send(messaging.Message{Subject: subject, Body: add{Text: "unsavable"}})
	w.eventually("set aside", func() bool { return w.letters(subject) == "poison" })
	w.send(messaging.Message{Subject: subject, Body: add{Text: "b"}},
		messaging.Message{Subject: subject, Body: add{Text: "c", Trouble: "panic"}},
		messaging.Message{Subject: subject, Body: add{Text: "d"}})
	w.eventually("they wait", func() bool { return w.letters(subject) == "poison, behind, behind, behind" })
	w.mend()
	done, err := r.Redrive(t.Context(), w.letter(subject, 0), olga)
	require.NoError(t, err)
	require.Equal(t, 2, done.Handled)
	require.Equal(t, 2, done.Left)
	require.Equal(t, "panic", done.Stopped.Class)
	require.Contains(t, done.Stopped.Stack, "account_test.go")
	require.Equal(t, "poison, behind", w.letters(subject))
	require.Equal(t, "unsavable b", w.history(subject))
	copies := w.copies(2)
	require.Equal(t, "SQLSTATE 23514", header(copies[0], "__dlq.errors.exception.class.name"))
	require.Equal(t, "panic", header(copies[1], "__dlq.errors.exception.class.name"))

	require.True(t, r.log.has("redriving it failed"))
}

func TestEditedLetterIsHandled(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		r := w.start(nil, nil)
		subject := uuid.New()
		w.send(messaging.Message{Subject: subject, Body: add{Text: "a", Trouble: "undecidable"}}, messaging.Message{Subject: subject, Body: add{Text: "b"}})
		w.eventually("b waits", func() bool { return w.letters(subject) == "undecidable, behind" })
		letter, err := r.DeadLetter(t.Context(), w.letter(subject, 0))
		require.NoError(t, err)

		to := messaging.Edit{Value: []byte(`{"text":`)}
		var flawed *messaging.FlawedError
		_, err = r.EditLetter(t.Context(), letter.ID, to, olga)
		require.ErrorAs(t, err, &flawed)
		to.Value = []byte(`{"text":"mended"}`)
		wish := olga
		wish.Key = "once"
		edit, err := r.EditLetter(t.Context(), letter.ID, to, wish)
		require.NoError(t, err)
		require.Equal(t, `{"text":"a","trouble":"undecidable"}`, string(edit.Before.Value))
		require.Equal(t, `{"text":"mended"}`, string(edit.After.Value))
		again, err := r.EditLetter(t.Context(), letter.ID, to, wish)
		require.NoError(t, err)
		require.Equal(t, edit.ID, again.ID)
		require.Equal(t, edit.After, again.After)
		to.Value = []byte(`{"text":"twice"}`)
		_, err = r.EditLetter(t.Context(), letter.ID, to, wish)
		require.ErrorIs(t, err, messaging.ErrOtherEdit)

		_, err = r.Redrive(t.Context(), letter.ID, olga)
		require.NoError(t, err)
		require.Equal(t, "mended b restarted", w.history(subject))

		// Read again, the record in the log is as wrong as ever; what was made of it stands.
		w.exec(`UPDATE positions SET next = 0, owner = ''`)
		w.send(messaging.Message{Subject: subject, Body: add{Text: "c"}})
		w.eventually("c comes after", func() bool { return w.history(subject) == "mended b restarted c" })
		require.Equal(t, 0, w.heads())
	})
}

func TestDiscardedLetterNeverComesBack(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		r := w.start(nil, nil)
		subject := uuid.New()
		w.poisoned(r, subject)
		wish := olga
		wish.Key = "monday"
		first, err := r.DiscardLetter(t.Context(), w.letter(subject, 0), wish)
		require.NoError(t, err)
		require.Equal(t, `{"text":"unsavable"}`, string(first.Before.Value))
		again, err := r.DiscardLetter(t.Context(), first.LetterID, wish)
		require.NoError(t, err)
		require.Equal(t, first.ID, again.ID)
		_, err = r.DiscardLetter(t.Context(), first.LetterID, olga)
		require.ErrorIs(t, err, messaging.ErrNoLetter)
		require.Equal(t, "behind, behind", w.letters(subject))
		require.Equal(t, "a", w.history(subject))

		_, err = r.DiscardLetter(t.Context(), w.letter(subject, 0), olga)
		require.NoError(t, err)
		_, err = r.DiscardLetter(t.Context(), w.letter(subject, 0), olga) // the last
		require.NoError(t, err)
		require.Equal(t, 0, w.heads())
		require.Equal(t, "a restarted", w.history(subject))

		w.mend() // what was discarded could be saved now
		w.exec(`UPDATE positions SET next = 0, owner = ''`)
		w.send(messaging.Message{Subject: subject, Body: add{Text: "d"}})
		w.eventually("d comes", func() bool { return strings.HasSuffix(w.history(subject), " d") })
		require.Equal(t, "a restarted d", w.history(subject))
	})
}

// A letter of no key diverts nobody; given a key, it is handled alone, but never past others of that key.
func TestLetterOfNoKey(t *testing.T) {
	w := newWorld(t, testkit.Kafka(t))
	r := w.start(nil, nil)
	subject := uuid.New()
	keyless := w.record(messaging.Message{Subject: subject, Body: add{Text: "lost"}})
	keyless.Key = []byte("nobody")
	w.produce(keyless)
	w.eventually("set aside", func() bool { return value[int](w, `SELECT count(*) FROM dead_letters`) == 1 })
	id := value[int64](w, `SELECT id FROM dead_letters`)
	done, err := r.Redrive(t.Context(), id, olga)
	require.NoError(t, err)
	require.Equal(t, 1, done.Left)
	require.Equal(t, "bad key", done.Stopped.Reason)

	_, err = r.EditLetter(t.Context(), id, messaging.Edit{Key: []byte(subject.String())}, olga)
	require.NoError(t, err)
	w.send(messaging.Message{Subject: subject, Body: add{Text: "x", Trouble: "undecidable"}})
	w.eventually("its key waits", func() bool { return w.heads() == 1 })
	_, err = r.Redrive(t.Context(), id, olga)
	require.ErrorIs(t, err, messaging.ErrKeyWaits)
	_, err = r.DiscardLetter(t.Context(), w.letter(subject, 0), olga)
	require.NoError(t, err)
	done, err = r.Redrive(t.Context(), id, olga)
	require.NoError(t, err)
	require.Equal(t, 1, done.Handled)
	require.Equal(t, "restarted lost", w.history(subject))
	require.Equal(t, 0, value[int](w, `SELECT count(*) FROM dead_letters`))
}

// A queue of more than a turn takes several, each of them whole; one in the middle that cannot be loaded is found.
func TestLongQueueIsRedrivenInTurns(t *testing.T) {
	w := newWorld(t, testkit.Kafka(t))
	r := w.start(nil, nil)
	subject := uuid.New()
	messages := []messaging.Message{{Subject: subject, Body: add{Text: "unsavable"}}}
	texts := []string{"unsavable"}
	for n := range 350 {
		texts = append(texts, "x"+strconv.Itoa(n))
		messages = append(messages, messaging.Message{Subject: subject, Body: add{Text: texts[n+1]}})
	}
	w.send(messages...)
	w.eventually("they wait", func() bool { return value[int](w, `SELECT count(*) FROM dead_letters`) == 351 })
	w.mend()
	r.handler.intercept(func(in []messaging.Message) error {
		for i := range in {
			if body, ok := in[i].Body.(add); ok && body.Text == texts[130] {
				return errTroubled
			}
		}
		return nil
	})
	done, err := r.Redrive(t.Context(), w.letter(subject, 0), olga)
	require.NoError(t, err)
	require.Equal(t, 130, done.Handled)
	require.Equal(t, 221, done.Left)
	require.Equal(t, "poison", done.Stopped.Reason)
	require.Equal(t, errTroubled.Error(), strings.TrimPrefix(done.Stopped.Error, "load: "))
	require.Equal(t, strings.Join(texts[:130], " "), w.history(subject))

	r.handler.intercept(nil)
	loads := r.handler.loads.Load()
	done, err = r.Redrive(t.Context(), done.Stopped.ID, olga)
	require.NoError(t, err)
	require.Equal(t, 221, done.Handled)
	require.Equal(t, int64(3), r.handler.loads.Load()-loads)
	require.Equal(t, strings.Join(texts, " ")+" restarted", w.history(subject))
}

// Where the letters cannot be stored, the partition waits, and nothing is lost or overtaken (scenario 32).
func TestDeadLetterStoreIsDown(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		r := w.start(nil, nil)
		w.exec2(`ALTER TABLE dead_letters RENAME TO elsewhere`)
		subject := uuid.New()
		w.send(messaging.Message{Subject: subject, Body: add{Text: "a"}},
			messaging.Message{Subject: subject, Body: add{Text: "b", Trouble: "undecidable"}},
			messaging.Message{Subject: subject, Body: add{Text: "c"}})
		w.eventually("tried again and again", func() bool { return r.handler.loads.Load() > 3 })
		require.Equal(t, int64(0), value[int64](w, `SELECT sum(next)::bigint FROM positions`))
		require.True(t, r.log.has(`"level":"ERROR"`))
		w.exec2(`ALTER TABLE elsewhere RENAME TO dead_letters`)
		w.eventually("set aside", func() bool { return w.letters(subject) == "undecidable, behind" })
		require.Equal(t, "a", w.history(subject))
	})
}

// Two operators at once are one after the other: one effect, and the key is freed once (scenario 31).
func TestOperatorsRacingHaveOneEffect(t *testing.T) {
	w := newWorld(t, testkit.Kafka(t))
	r := w.start(nil, nil)
	other := w.start(func(c *messaging.Config) { c.Replica = "2" }, nil)
	subject := uuid.New()
	w.poisoned(r, subject)
	w.mend()
	id := w.letter(subject, 0)
	handled := make(chan int, 2)
	for _, m := range []*running{r, other} {
		go func() {
			entry, err := m.Redrive(t.Context(), id, olga)
			if err != nil && !errors.Is(err, messaging.ErrNoLetter) {
				t.Error(err)
			}
			handled <- entry.Handled
		}()
	}
	require.Equal(t, 3, <-handled+<-handled)
	require.Equal(t, "a unsavable b c restarted", w.history(subject))
}
