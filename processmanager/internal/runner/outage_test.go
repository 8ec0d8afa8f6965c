package runner_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/processmanager/internal/fulfilment"
	"ordersaga.internal/processmanager/internal/runner"
	"ordersaga.internal/processmanager/saga"
)

// Scenario 47 and rule 7: an outage of the process manager or the broker that is longer than the deadlines undoes nothing.

// noStorms lets every deadline count.
func noStorms(c *runner.Config) { c.Storm.Share = 1 }

// asked places orders and waits until their authorisation was asked for, which nobody answers.
func (w *world) asked(n int) []uuid.UUID {
	w.t.Helper()
	w.script.on(contracts.AuthorizePayment{}, nil)
	orders := make([]uuid.UUID, n)
	for i := range orders {
		orders[i] = w.place("rosa")
	}
	testkit.Eventually(w.t, func() bool {
		return !slices.ContainsFunc(orders, func(o uuid.UUID) bool {
			return !slices.Contains(w.script.commands(o), "AuthorizePayment.v1#1")
		})
	}, "authorisations are asked for")
	return orders
}

// expired waits until the deadlines of all orders in flight have passed by the clock.
func (w *world) expired() {
	w.t.Helper()
	testkit.Eventually(w.t, func() bool {
		return w.count(`SELECT count(*) FROM instance WHERE finished_at IS NULL AND deadline > now()`) == 0
	}, "the deadlines pass")
}

// sent waits until everything that the participants said is in the log.
func (w *world) sent(answers int64, topic string) {
	w.t.Helper()
	testkit.Eventually(w.t, func() bool { return w.published(topic) == answers }, "the answers are in the log")
}

// clutter publishes n answers to commands of each order that nobody sent.
func (w *world) clutter(orders []uuid.UUID, n int) {
	w.t.Helper()
	var all sync.WaitGroup
	for _, o := range orders {
		all.Go(func() {
			for range n {
				err := w.participants.Submit(w.t.Context(), messaging.Message{
					Subject: o, Body: emitted{contracts.PaymentAuthorized{OrderID: o}, uuid.New()},
				})
				if err != nil {
					w.t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

// completed waits for orders and finds that none was given up on the way.
func (w *world) completed(orders ...uuid.UUID) {
	w.t.Helper()
	for _, o := range orders {
		_, history := w.waitFor(o, saga.Completed)
		for _, e := range history {
			if strings.Contains(e.Note.Text, "unknown") {
				w.t.Errorf("%s was given up: %s", o, e.Note.Text)
			}
		}
	}
}

// The answers lie behind so much else that it takes many batches, and looks at the deadlines in between, to come to them.
// The outage is not taken off the deadlines: what counts is only what is in the log.
func TestProcessManagerDownWithTheAnswersInTheLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t, patient())
	w.batch = 5
	m := w.manager("1", noStorms)
	orders := w.asked(20)
	m.stop()
	w.clutter(orders, 30)
	w.answered(orders...)
	w.sent(20*31, contracts.PaymentEvents)
	w.expire(orders...)
	if _, err := w.db.Pool.Exec(t.Context(), `UPDATE positions SET seen_at = now()`); err != nil {
		t.Fatal(err)
	}
	w.manager("1", noStorms)
	w.completed(orders...)
}

// The participants were away as long as the process manager: not even they had a chance to answer.
func TestProcessManagerDownForAnHour(t *testing.T) {
	t.Parallel()
	w := newWorld(t, saga.NewSet(fulfilment.V1))
	m := w.manager("1", noStorms)
	orders := w.asked(3)
	testkit.Eventually(t, func() bool { return w.count(`SELECT count(*) FROM positions WHERE seen_at IS NULL`) == 0 }, "progress is noted")
	m.stop()
	for _, sql := range []string{
		`UPDATE positions SET seen_at = seen_at - interval '1 hour'`,
		`UPDATE instance SET resend_at = resend_at - interval '1 hour', deadline = deadline - interval '1 hour'`,
	} {
		if _, err := w.db.Pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	w.manager("1", noStorms)
	testkit.Eventually(t, func() bool {
		return w.count(`SELECT count(*) FROM instance WHERE deadline BETWEEN now() AND now() + interval '1 min'`) == len(orders)
	}, "the hour does not count")
	w.answered(orders...)
	w.completed(orders...)
}

// The broker cannot be reached for longer than the deadlines, on two replicas. Of the orders some were answered in time, which
// nobody could read; the others are answered only afterwards, in what was left of their time.
func TestBrokerDownForLongerThanTheDeadlines(t *testing.T) {
	t.Parallel()
	w := newWorld(t, within(5*time.Second))
	a, b := w.manager("1", noStorms), w.manager("2", noStorms)
	orders := w.asked(20)
	a.link.cut()
	b.link.cut()
	w.answered(orders[:10]...)
	w.sent(10, contracts.PaymentEvents)
	w.expired()
	if n := w.unwound(); n != 0 {
		t.Errorf("%d orders were given up while nobody could read the answers", n)
	}
	w.authorizes()
	a.link.mend()
	b.link.mend()
	w.completed(orders[:10]...)
	w.answered(orders[10:]...)
	w.completed(orders...)
}

// A participant that is away is another matter: its silence is unknown, and undone.
func TestParticipantDownForLongerThanTheDeadline(t *testing.T) {
	t.Parallel()
	w := newWorld(t, hasty())
	w.manager("1", noStorms)
	order := w.asked(1)[0]
	if r, _ := w.waitFor(order, saga.Rejected); r.Reason != saga.TimedOut || r.FinishedAt.Sub(r.StartedAt) < time.Second {
		t.Errorf("record %+v", r)
	}
}
