package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/poison"
)

// change runs a statement in the process manager's database.
func (t *trial) change(ctx context.Context, sql string) error {
	url, err := t.s.Database("processmanager")
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("change the process manager's database: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing is pending
	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("change the process manager's database: %w", err)
	}
	return nil
}

// queueBehind sends old messages of each order as soon as it is poisoned, and cancels some, until it is stopped.
func (t *trial) queueBehind(ctx context.Context, customer *load.Client) (stop func() error, err error) {
	tapping, stopTap := context.WithCancel(ctx)
	poisoned := make(chan uuid.UUID, 10_000)
	tapped, err := load.Tap(tapping, t.s.Brokers, messaging.DeadLetterTopics("payment.events"), true, func(r *kgo.Record) {
		if id, err := uuid.ParseBytes(r.Key); err == nil {
			poisoned <- id
		}
	})
	if err != nil {
		stopTap()
		return nil, err
	}
	sent := make(chan error, 1)
	go func() {
		var errs []error
		for id := range poisoned {
			if t.known[id] { // of an earlier window
				continue
			}
			t.known[id] = true
			errs = append(errs, t.sendBehind(ctx, id))
			if len(t.known)%cancelOneIn == 0 {
				t.result.Cancelled++
				errs = append(errs, customer.Cancel(ctx, id))
			}
		}
		sent <- errors.Join(errs...)
	}()
	return func() error {
		stopTap()
		err := tapped()
		close(poisoned)
		return errors.Join(err, <-sent)
	}, nil
}

// sendBehind sends two old messages of an order, once they were heard: the letter's copy may be heard before them.
func (t *trial) sendBehind(ctx context.Context, id uuid.UUID) error {
	patient, stop := context.WithTimeout(ctx, settling)
	defer stop()
	for _, name := range []string{"OrderPlaced", "StockReserved"} {
		if err := t.hears(patient, id, name); err != nil {
			return err
		}
		if err := t.mouth.Again(ctx, id, name); err != nil {
			return err
		}
	}
	return nil
}

// waiting reads the queues of the poisoned orders until each is as it must be, and notes what is not.
func (t *trial) waiting(ctx context.Context, those []uuid.UUID) (poison.Queues, error) {
	patient, stop := context.WithTimeout(ctx, settling)
	defer stop()
	var queues poison.Queues
	err := until(patient, func() (err error) {
		if queues, err = t.desk.Queues(ctx); err != nil {
			return err
		}
		for _, id := range those {
			if wrong := poison.Wrong(queues[id]); wrong != "" {
				return fmt.Errorf("%s: %s", id, wrong)
			}
		}
		return nil
	})
	if err != nil {
		t.fails("a poisoned order does not wait as it must: %v", err)
	}
	if len(queues) != len(those) {
		t.fails("%d orders wait, not the %d poisoned ones", len(queues), len(those))
	}
	for _, id := range those {
		behind := max(0, len(queues[id])-1)
		if t.result.Poisoned == 0 {
			t.result.Behind = [2]int{behind, behind}
		}
		t.result.Behind = [2]int{min(t.result.Behind[0], behind), max(t.result.Behind[1], behind)}
		t.result.Poisoned++
		if t.ear.Heard(id, "CapturePayment") || t.ear.Heard(id, "VoidPayment") {
			t.fails("%s went on while it waited", id)
		}
	}
	return queues, ctx.Err()
}

// setRight mends the mistake and redrives the poisoned orders, while new ones and old messages of these keep coming, until all
// ended.
func (t *trial) setRight(ctx context.Context, those []uuid.UUID, stopBehind func() error) error {
	queues, err := t.waiting(ctx, those)
	if err := errors.Join(err, stopBehind()); err != nil {
		return err
	}
	if err := t.change(ctx, `ALTER TABLE instance DROP CONSTRAINT mistake`); err != nil {
		return err
	}
	placing, stop := context.WithCancel(ctx)
	defer stop()
	var coming sync.WaitGroup
	var all []poison.Placed
	var repeating error
	coming.Go(func() {
		crowd := &poison.Traffic{Others: t.others, Seed: t.o.seed + 1}
		var refused int
		var first error
		if all, refused, first = crowd.Run(ctx, placing, t.o.rate, time.Hour); refused > 0 {
			t.fails("%d requests were not accepted; %v", refused, first)
		}
	})
	coming.Go(func() { repeating = t.repeat(ctx, placing, those) })
	if err = t.redrive(ctx, those, queues); err == nil {
		t.await(ctx, those, "poisoned orders")
	}
	stop()
	coming.Wait()
	if err := errors.Join(err, repeating); err != nil {
		return err
	}
	t.result.Meanwhile += len(all)
	_, rest := t.split(all)
	t.await(ctx, rest, "orders that came meanwhile")
	if queues, err = t.desk.Queues(ctx); err != nil {
		return err
	}
	if len(queues) > 0 {
		t.fails("%d orders wait though they were redriven", len(queues))
	}
	return nil
}

// repeat says old messages of the orders in turn, until it is told to stop.
func (t *trial) repeat(ctx, until context.Context, those []uuid.UUID) error {
	tick := time.NewTicker(again)
	defer tick.Stop()
	names := []string{"StockReserved", "PaymentAuthorized", "OrderPlaced"}
	for n := 0; ; n++ {
		select {
		case <-until.Done():
			return nil
		case <-tick.C:
		}
		if err := t.mouth.Again(ctx, those[n%len(those)], names[n/len(those)%len(names)]); err != nil {
			return err
		}
	}
}

// redrive handles all queues, several at once.
func (t *trial) redrive(ctx context.Context, those []uuid.UUID, queues poison.Queues) error {
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(operators)
	for _, id := range those {
		if len(queues[id]) == 0 {
			continue // reported
		}
		g.Go(func() error {
			handled, err := t.desk.Redrive(ctx, queues[id][0].ID)
			mu.Lock()
			defer mu.Unlock()
			t.result.Redriven += handled
			return err
		})
	}
	return g.Wait()
}
