package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/poison"
	"ordersaga.internal/scripts/internal/stack"
)

const (
	cancelOneIn = 3 // poisoned orders is cancelled by its customer
	operators   = 4 // redrive at once
	settling    = 2 * time.Minute
	// again is how often an old message of a poisoned order comes while they are redriven.
	again = 5 * time.Millisecond
)

// trial is a run of scripts/poison.
type trial struct {
	s      *stack.Stack
	o      *poisonOptions
	ear    *poison.Ear
	mouth  *poison.Mouth
	desk   *poison.Desk
	others *load.Client
	placed []uuid.UUID        // every order of the run
	known  map[uuid.UUID]bool // orders that were poisoned

	mu     sync.Mutex // of result.Fails
	result *poisonResult

	clean, cancelled poison.Life // what a marked order's life is, where nothing is wrong
}

func newTrial(s *stack.Stack, o *poisonOptions, ear *poison.Ear) (*trial, error) {
	t := &trial{s: s, o: o, ear: ear, known: map[uuid.UUID]bool{}, result: &poisonResult{Kafka: s.Config.Kafka, Rate: o.rate, OneIn: o.oneIn, Pairs: make([]poison.Pair, o.pairs), Fails: []string{}}}
	var err error
	if t.others, err = t.customer("others"); err != nil {
		return nil, err
	}
	if t.desk, err = poison.NewDesk(s); err != nil {
		return nil, err
	}
	t.mouth, err = poison.NewMouth(s.Brokers, ear)
	return t, err
}

// customer returns a client of somebody who places orders.
func (t *trial) customer(name string) (*load.Client, error) {
	token, err := t.s.Keys.Token(name, "customer", 24*time.Hour)
	if err != nil {
		return nil, err
	}
	return load.NewClient(t.s.APIs("order"), token), nil
}

// mostFails is how many things that do not hold are told one by one.
const mostFails = 20

// fails notes something that does not hold.
func (t *trial) fails(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.result.Failed++; t.result.Failed <= mostFails {
		t.result.Fails = append(t.result.Fails, fmt.Sprintf(format, args...))
		say("does not hold: "+format, args...)
	}
}

// lives learns what becomes of a marked order that nobody poisons: of one that completes, and of one that is cancelled once
// its payment is authorized, which is where the poison will strike.
func (t *trial) lives(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	client, err := t.customer(poison.Customer("first"))
	if err != nil {
		return err
	}
	live := func(cancel bool) (poison.Life, error) {
		id, err := client.Place(ctx, "", poison.MarkedOrder())
		if err != nil {
			return nil, err
		}
		t.placed = append(t.placed, id)
		if cancel {
			if err := t.hears(ctx, id, "CapturePayment"); err != nil {
				return nil, err
			}
			if err := client.Cancel(ctx, id); err != nil {
				return nil, err
			}
		}
		if err := t.hears(ctx, id, map[bool]string{false: "OrderCompleted", true: "OrderCancelled"}[cancel]); err != nil {
			return nil, err
		}
		return poison.LifeOf(t.ear.Said(id))
	}
	if t.clean, err = live(false); err != nil {
		return fmt.Errorf("a clean order: %w", err)
	}
	provider := load.NewClient(t.s.APIs("provider"), stack.ProviderKey)
	fault := map[string]any{"operation": "capture", "fault": "slow", "times": 1, "delay_ms": 2000}
	if _, err := provider.Do(ctx, http.MethodPost, "/v1/faults", "", fault, nil); err != nil {
		return err
	}
	if t.cancelled, err = live(true); err != nil {
		return fmt.Errorf("a cancelled order: %w", err)
	}
	return nil
}

// hears waits until a marked order has a message.
func (t *trial) hears(ctx context.Context, id uuid.UUID, name string) error {
	return until(ctx, func() error {
		if t.ear.Heard(id, name) {
			return nil
		}
		return fmt.Errorf("%s has no %s", id, name)
	})
}

// pair runs a clean and a poisoned window; every other pair the other way round, so that what changes with time hits both.
func (t *trial) pair(ctx context.Context, n int) error {
	kinds := []bool{false, true}
	if n%2 == 1 {
		kinds = []bool{true, false}
	}
	for _, poisoned := range kinds {
		what, into := "clean", &t.result.Pairs[n].Clean
		if poisoned {
			what, into = "poisoned", &t.result.Pairs[n].Poisoned
		}
		w, err := t.window(ctx, fmt.Sprintf("%d-%s", n+1, what), poisoned)
		if err != nil {
			return fmt.Errorf("pair %d, %s window: %w", n+1, what, err)
		}
		*into = w
		say("pair %d of %d, %-8s %8.1f ended/s, p50 %.1f ms, p99 %.1f ms, CPU %.3f s per 1,000", n+1, t.o.pairs, what, w.PerS, w.Ending.P50, w.Ending.P99, w.CPU)
	}
	return nil
}

// window places orders for the warm-up and what is measured. After a poisoned one it sets all right again.
func (t *trial) window(ctx context.Context, name string, poisoned bool) (w poison.Window, err error) {
	marked, err := t.customer(poison.Customer(name))
	if err != nil {
		return w, err
	}
	crowd := &poison.Traffic{Others: t.others, Marked: marked, OneIn: t.o.oneIn, Seed: t.o.seed}
	stopBehind := func() error { return nil }
	if poisoned {
		mistake := fmt.Sprintf(`ALTER TABLE instance ADD CONSTRAINT mistake CHECK (customer_id <> '%s' OR transitions < 3) NOT VALID`, poison.Customer(name))
		if err := t.change(ctx, mistake); err != nil {
			return w, err
		}
		if stopBehind, err = t.queueBehind(ctx, marked); err != nil {
			return w, err
		}
	}
	those, w, err := t.measure(ctx, crowd)
	if err != nil {
		return w, errors.Join(err, stopBehind())
	}
	if !poisoned {
		t.await(ctx, those, "marked orders")
	} else if err := t.setRight(ctx, those, stopBehind); err != nil {
		return w, err
	}
	for _, id := range those {
		if err := t.compare(id); err != nil {
			return w, err
		}
	}
	return w, nil
}

// measure places the orders of a window, waits until the others ended, and returns the marked ones.
func (t *trial) measure(ctx context.Context, crowd *poison.Traffic) (marked []uuid.UUID, w poison.Window, err error) {
	begin := time.Now().Add(t.o.warmup)
	end := begin.Add(t.o.seconds)
	var used [2]map[string]float64
	var errs [2]error
	var watch sync.WaitGroup
	for i, at := range []time.Time{begin, end} {
		watch.Go(func() {
			select {
			case <-ctx.Done():
			case <-time.After(time.Until(at)):
				used[i], errs[i] = cpuTimes(t.s)
			}
		})
	}
	all, refused, first := crowd.Run(ctx, ctx, t.o.rate, t.o.warmup+t.o.seconds)
	watch.Wait()
	if err := errors.Join(errs[0], errs[1], ctx.Err()); err != nil {
		return nil, w, err
	}
	if refused > 0 {
		t.fails("%d requests were not accepted; %v", refused, first)
	}
	those, others := t.split(all)
	t.await(ctx, others, "of the others")
	return those, poison.Sum(all, t.ear.Ends, begin, end, used[0], used[1]), ctx.Err()
}

// split takes note of orders and tells the marked ones from the others.
func (t *trial) split(all []poison.Placed) (marked, others []uuid.UUID) {
	for i := range all {
		t.placed = append(t.placed, all[i].ID)
		if all[i].Marked {
			marked = append(marked, all[i].ID)
		} else {
			others = append(others, all[i].ID)
		}
	}
	return marked, others
}

// await waits until orders ended.
func (t *trial) await(ctx context.Context, orders []uuid.UUID, what string) {
	settled, stop := context.WithTimeout(ctx, settling)
	defer stop()
	open := 0
	for _, id := range orders {
		if until(settled, func() error { return t.over(id) }) != nil {
			open++
		}
	}
	if open > 0 && ctx.Err() == nil {
		t.fails("%d %s did not end", open, what)
	}
}

// over is an error while an order has not ended.
func (t *trial) over(id uuid.UUID) error {
	if _, ok := t.ear.Ends.Of(id); !ok {
		return fmt.Errorf("%s has not ended", id)
	}
	return nil
}

// compare holds a marked order's life against a clean one's.
func (t *trial) compare(id uuid.UUID) error {
	life, err := poison.LifeOf(t.ear.Said(id))
	if err != nil {
		return err
	}
	want := t.clean
	if t.ear.Heard(id, "OrderCancellationRequested") {
		want = t.cancelled
	}
	if d := life.Differs(want); d != "" {
		t.fails("%s is not as a clean order is: %s", id, d)
	}
	return nil
}
