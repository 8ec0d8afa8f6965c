package messaging

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// fire decides the deadlines that are due.
func (w *worker[S]) fire(ctx context.Context) error {
	var due []Message
	err := inTransaction(ctx, w.m.deps.Pool, &pgx.Batch{}, func(tx pgx.Tx) (last *pgx.Batch, err error) {
		last = &pgx.Batch{}
		if due, err = w.m.timed.Due(ctx, tx, w.deadlines.until, w.m.cfg.BatchSize); err != nil || len(due) == 0 {
			return last, err
		}
		due, err = w.withoutLetters(ctx, tx, due)
		return last, err
	})
	if err != nil || len(due) == 0 {
		return err
	}
	if len(due) == w.m.cfg.BatchSize { // there may be more
		w.deadlines.ticked = time.Time{}
	}
	err = w.fireAll(ctx, due)
	if err == nil || verdictOn(err) != poison || len(due) == 1 {
		return err
	}
	for i := range due { // one of them is at fault: the others go on
		if err := w.fireAll(ctx, due[i:i+1]); err != nil {
			if verdictOn(err) != poison {
				return err
			}
			w.log.ErrorContext(ctx, "a deadline cannot be fired", "subject", due[i].Subject, "error", err)
		}
	}
	return nil
}

// fireAll is one transaction over due inputs. Whoever fires them must own their partitions.
func (w *worker[S]) fireAll(ctx context.Context, due []Message) error {
	owned := 0
	partitions := make(map[int32]struct{})
	for i := range due {
		due[i].Partition = w.m.partition(due[i].Subject)
		partitions[due[i].Partition] = struct{}{}
	}
	numbers := make([]int32, 0, len(partitions))
	for number := range partitions {
		numbers = append(numbers, number)
		owned += len(w.deadlines.places[number])
	}
	first := &pgx.Batch{}
	first.Queue(sqlSeen, w.m.cfg.Service, w.owner, numbers, w.m.now()).Exec(allHit(owned))
	var state S
	var sent int
	err := inTransaction(ctx, w.m.deps.Pool, first, func(tx pgx.Tx) (*pgx.Batch, error) {
		var out []Message
		var err error
		state, out, err = w.m.decideInputs(ctx, tx, due, func(i int, err error) {
			w.log.ErrorContext(ctx, "a deadline was refused", "subject", due[i].Subject, "error", err)
		})
		if err != nil {
			return nil, err
		}
		last := &pgx.Batch{}
		sent = w.m.queueOutbox(last, out)
		return last, nil
	})
	if err != nil {
		return err
	}
	w.m.metrics.timers.Add(float64(len(due)))
	w.m.wake(sent)
	w.m.handler.Committed(state)
	return nil
}

// withoutLetters leaves out subjects that wait behind a dead letter: their answers may be among what was set aside.
func (w *worker[S]) withoutLetters(ctx context.Context, tx pgx.Tx, due []Message) ([]Message, error) {
	if !w.headed {
		return due, nil
	}
	rows, err := tx.Query(ctx, sqlLockHeads, w.m.cfg.Service, Subjects(due))
	if err != nil {
		return nil, fmt.Errorf("read dead-letter heads: %w", err)
	}
	waiting := make(map[uuid.UUID]struct{})
	var subject uuid.UUID
	if _, err := pgx.ForEachRow(rows, []any{&subject}, func() error { waiting[subject] = struct{}{}; return nil }); err != nil {
		return nil, fmt.Errorf("read dead-letter heads: %w", err)
	}
	n := 0
	for _, m := range due {
		if _, waits := waiting[m.Subject]; !waits {
			due[n] = m
			n++
		}
	}
	return due[:n], nil
}
