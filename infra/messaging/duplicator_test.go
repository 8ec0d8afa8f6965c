//go:build duplicator

package messaging_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/testkit"
)

// In a build with the duplicator every message is decided twice in its transaction, and many again in a later one. A handler
// that remembers what it did does nothing twice; one that does not (arm) is caught.
func TestDuplicatorDecidesEverythingTwice(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		r := w.start(nil, nil)
		subjects := spread(partitions)
		for round := range 6 {
			for _, s := range subjects {
				w.send(messaging.Message{ID: uuid.New(), Subject: s, Body: add{Text: fmt.Sprint(round)}})
			}
			w.eventually("the round is handled", func() bool { return r.count(t, "handled") == (round+1)*len(subjects) })
		}
		for _, s := range subjects {
			if got := w.history(s); got != "0 1 2 3 4 5" {
				t.Errorf("history %q", got)
			}
		}
		if n := r.repeats(t, "command", "add", "same_batch"); n != 6*len(subjects) {
			t.Errorf("%d came twice in one transaction, want all", n)
		}
		if n := r.repeats(t, "command", "add", "later_batch"); n < 4*len(subjects) {
			t.Errorf("%d came again in a later one", n)
		}
		if n := r.repeats(t, "command", "add", "sent") + r.repeats(t, "command", "add", "refused"); n != 0 {
			t.Errorf("%d repeats sent something or were refused", n)
		}

		careless := uuid.New()
		w.send(messaging.Message{Subject: careless, Body: arm{In: time.Hour}})
		w.eventually("it is armed twice", func() bool { return strings.HasPrefix(w.history(careless), "armed armed") })
		input := messaging.Message{ID: uuid.New(), Subject: uuid.New(), Body: add{Text: "submitted"}}
		if err := r.Submit(t.Context(), input); err != nil {
			t.Fatal(err)
		}
		if got := w.history(input.Subject); got != "submitted" || r.repeats(t, "submitted", "messaging_test.add", "same_batch") != 1 {
			t.Errorf("submitted: history %q", got)
		}
	})
}

// repeats returns what the duplicator counted.
func (r *running) repeats(t *testing.T, kind, input, what string) (n int) {
	t.Helper()
	families, err := r.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if f.GetName() == "duplicator_repeats_total" && labels["kind"] == kind && labels["input"] == input && labels["what"] == what {
				n += int(m.GetCounter().GetValue())
			}
		}
	}
	return n
}
