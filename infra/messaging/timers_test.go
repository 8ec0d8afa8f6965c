package messaging_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/testkit"
)

func TestDeadlineFires(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		w.start(nil, nil)
		subject := uuid.New()
		w.send(messaging.Message{Subject: subject, Body: arm{In: 100 * time.Millisecond}})
		w.eventually("it fired", func() bool { return w.history(subject) == "armed expired" })
		if n := w.outbox("expired.v1"); n != 1 {
			t.Errorf("%d messages, want 1", n)
		}
	})
}

// An answer that is in the log when the deadline passes counts, however late it is read.
func TestDeadlineWaitsForTheLog(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		r := w.start(nil, nil)
		keys := together(2)
		subject, slow := keys[0], keys[1]
		inside, gate := make(chan struct{}, 1), make(chan struct{})
		r.handler.intercept(func(in []messaging.Message) error {
			if in[0].Subject == slow {
				inside <- struct{}{}
				<-gate
			}
			return nil
		})
		w.send(messaging.Message{Subject: subject, Body: arm{In: 300 * time.Millisecond}})
		w.eventually("armed", func() bool { return w.history(subject) == "armed" })
		w.send(messaging.Message{Subject: slow, Body: add{Text: "slow"}})
		<-inside // the worker stands still until the deadline is over; meanwhile the answer arrives
		w.send(messaging.Message{Subject: subject, Body: add{Text: "answer"}})
		w.eventually("the deadline passed", func() bool {
			return value[bool](w, `SELECT due < now() FROM account WHERE subject = $1`, subject)
		})
		close(gate)
		w.eventually("it fired", func() bool { return strings.Contains(w.history(subject), "expired") })
		if got := w.history(subject); got != "armed answer expired" {
			t.Errorf("history %q: the deadline overtook the answer", got)
		}
	})
}

func TestDeadlineOfADeadLetteredKeyWaits(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		keys := together(2)
		w.send(
			messaging.Message{Subject: keys[0], Body: arm{}},
			messaging.Message{Subject: keys[0], Body: add{Trouble: "undecidable"}},
			messaging.Message{Subject: keys[1], Body: arm{In: time.Millisecond}},
		)
		w.start(nil, nil)
		w.eventually("the other's fires", func() bool { return w.history(keys[1]) == "armed expired" })
		if got := w.history(keys[0]); got != "armed" {
			t.Errorf("history %q", got)
		}
		w.exec(`DELETE FROM dead_letter_heads`)
		w.eventually("after the repair it fires", func() bool { return w.history(keys[0]) == "armed expired" })
	})
}

// Time in which nobody read the partition does not count.
func TestGapDefersDeadlines(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		subject := together(1)[0]
		first := w.start(nil, nil)
		w.send(messaging.Message{Subject: subject, Body: arm{In: time.Minute}})
		w.eventually("armed, and progress noted", func() bool {
			return value[bool](w, `SELECT count(*) > 0 FROM account, positions WHERE seen_at IS NOT NULL`)
		})
		first.stop()
		// An hour passes without a process.
		w.exec(`UPDATE positions SET seen_at = seen_at - interval '1 hour'`)
		w.exec(`UPDATE account SET due = due - interval '1 hour'`)
		late := together(1)[0] // waits in the log; its deadline is set after the gap
		if value[int](w, `SELECT partition FROM account`) != 1 {
			t.Fatal("the subjects are of two partitions")
		}
		w.send(messaging.Message{Subject: late, Body: arm{In: time.Minute}})
		// It looks at deadlines only after its first batch, which must not set what the gap then moves.
		w.start(func(c *messaging.Config) { c.TimerTick = time.Hour }, nil)
		w.eventually("the late one is armed", func() bool { return w.history(late) != "" })
		w.eventually("deferred", func() bool { return strings.Contains(w.history(subject), "deferred") })
		left := value[time.Duration](w, `SELECT due - now() FROM account WHERE subject = $1`, subject)
		if left < 50*time.Second || left > 2*time.Minute {
			t.Errorf("due in %v, want about a minute", left)
		}
		if got := w.history(subject); got != "armed deferred" {
			t.Errorf("history %q", got)
		}
		if got := w.history(late); got != "armed" {
			t.Errorf("history of the late one %q", got)
		}
	})
}
