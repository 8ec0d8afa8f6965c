package messaging_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/testkit"
)

// A throttled machine takes no more than it may, in order; it stays in its group, submitted inputs and deadlines do not
// wait, and nothing is lost or set aside.
func TestThrottle(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		const messages, interval, rounds = 8, 500 * time.Millisecond, 5
		subjects := spread(messages)
		timed := uuid.New()
		w.send(messaging.Message{Subject: timed, Body: arm{In: 100 * time.Millisecond}})
		for round := range rounds {
			for _, s := range subjects {
				w.send(messaging.Message{Subject: s, Body: add{Text: fmt.Sprint(round)}})
			}
		}
		begun := time.Now()
		r := w.start(func(c *messaging.Config) {
			c.Workers, c.Throttle = 2, messaging.Throttle{Messages: messages, Interval: interval}
		}, nil)
		submitted := uuid.New()
		if err := r.Submit(t.Context(), messaging.Message{ID: uuid.New(), Subject: submitted, Body: add{Text: "now"}}); err != nil {
			t.Fatal(err)
		}
		if n := r.count(t, "handled"); n > rounds*messages/2 {
			t.Errorf("%d messages were taken before a submitted input", n)
		}
		w.eventually("all are handled", func() bool {
			taken := r.count(t, "handled")
			if most := messages + int(messages*time.Since(begun)/interval); taken > most {
				t.Errorf("%d messages after %v, want at most %d", taken, time.Since(begun), most)
			}
			return taken == rounds*messages+1
		})
		for _, s := range subjects {
			if got := w.history(s); got != "0 1 2 3 4" {
				t.Errorf("history %q", got)
			}
		}
		if r.gauge(t, "messaging_dead_letter_keys") != 0 || r.count(t, "stale") != 0 {
			t.Error("something was set aside or read again")
		}
		w.eventually("the deadline fired", func() bool { return w.history(timed) == "armed expired" })
		w.eventually("both workers are in the group", func() bool { return len(w.members()) == 2 })
	})
}
