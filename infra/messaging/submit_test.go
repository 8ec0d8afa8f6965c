package messaging_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/google/uuid"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/testkit"
)

func TestSubmitsShareTransactions(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		r := w.start(nil, nil)
		// While the first two transactions stand still, the others gather.
		gate := make(chan struct{})
		r.handler.intercept(func([]messaging.Message) error { <-gate; return nil })
		subjects := spread(200)
		errs := make([]error, len(subjects))
		var entered, done sync.WaitGroup
		for i, s := range subjects {
			entered.Add(1)
			done.Go(func() {
				entered.Done()
				body := add{Text: "a"}
				if i%50 == 7 {
					body.Trouble = "undecidable"
				}
				errs[i] = r.Submit(t.Context(), messaging.Message{ID: uuid.New(), Subject: s, Body: body})
			})
		}
		entered.Wait()
		w.eventually("two transactions run", func() bool { return r.handler.loads.Load() == 2 })
		close(gate)
		done.Wait()
		for i, err := range errs {
			if want := i%50 == 7; errors.Is(err, errRefused) != want || !want && err != nil {
				t.Errorf("submit %d: %v", i, err)
			}
		}
		if n := value[int](w, `SELECT count(*) FROM account WHERE history = 'a'`); n != 196 {
			t.Errorf("%d accounts, want 196", n)
		}
		if n := w.outbox("added.v1"); n != 196 {
			t.Errorf("%d messages, want 196", n)
		}
		if n := r.handler.loads.Load(); n > 100 {
			t.Errorf("%d transactions for 200 submits", n)
		}
	})
}

func TestSubmitAfterTheEnd(t *testing.T) {
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		w := newWorld(t, b)
		r := w.start(nil, nil)
		gate, inside := make(chan struct{}), make(chan struct{}, 1)
		r.handler.intercept(func([]messaging.Message) error { inside <- struct{}{}; <-gate; return nil })
		subject := uuid.New()
		result := make(chan error, 1)
		go func() { result <- r.Submit(t.Context(), messaging.Message{Subject: subject, Body: add{Text: "a"}}) }()
		<-inside
		stopped := make(chan struct{})
		go func() { r.stop(); close(stopped) }()
		w.eventually("closed", func() bool {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return errors.Is(r.Submit(ctx, messaging.Message{Subject: uuid.New(), Body: add{}}), messaging.ErrClosed)
		})
		w.eventually("the workers have left", func() bool { return len(w.members()) == 0 })
		close(gate)
		<-stopped
		if got := w.history(subject); got != "a" {
			t.Errorf("history %q: Run returned before what was at hand", got)
		}
		if err := <-result; err != nil {
			t.Errorf("the submit at hand was not finished: %v", err)
		}
	})
}
