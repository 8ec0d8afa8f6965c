package messaging

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	submitQueue       = 4096 // inputs that may wait
	submitBatch       = 256  // most inputs in one transaction
	submitConcurrency = 2    // transactions at once: while they run, the next inputs gather
	submitDrain       = 10 * time.Second
)

// submission is an input that waits for its COMMIT.
type submission struct {
	ctx  context.Context //nolint:containedctx // of the one who waits
	in   Message
	done chan error // holds one
}

// submitter puts submitted inputs that wait together into one transaction.
type submitter[S any] struct {
	m     *Machine[S]
	queue chan *submission
	slots chan struct{}
	pace  pace

	mu     sync.RWMutex // held for writing to close
	closed bool
}

func newSubmitter[S any](m *Machine[S]) *submitter[S] {
	return &submitter[S]{
		m: m, queue: make(chan *submission, submitQueue), slots: make(chan struct{}, submitConcurrency),
		pace: pace{longest: m.cfg.Linger},
	}
}

func (s *submitter[S]) submit(ctx context.Context, in Message) error {
	sub := &submission{ctx: ctx, in: in, done: make(chan error, 1)}
	if err := s.enqueue(sub); err != nil {
		return err
	}
	select {
	case err := <-sub.done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *submitter[S]) enqueue(sub *submission) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return ErrClosed
	}
	select {
	case s.queue <- sub:
		return nil
	default:
		return ErrOverloaded
	}
}

// run works until ctx ends and then until the queue is empty.
func (s *submitter[S]) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			s.mu.Lock()
			s.closed = true
			s.mu.Unlock()
			s.drain(ctx)
			return
		case first := <-s.queue:
			s.start(ctx, first)
		}
	}
}

// drain commits what still waits. What the database does not take in time is given up: its effect is unknown.
func (s *submitter[S]) drain(ctx context.Context) {
	for {
		select {
		case first := <-s.queue:
			s.start(ctx, first)
		default:
			for range submitConcurrency { // wait for the last
				s.slots <- struct{}{}
			}
			return
		}
	}
}

// start waits for a free transaction, takes what has gathered until then, and runs it.
func (s *submitter[S]) start(ctx context.Context, first *submission) {
	s.slots <- struct{}{}
	s.pace.wait(ctx)
	subs := append(make([]*submission, 0, 8), first)
gather:
	for len(subs) < submitBatch {
		select {
		case sub := <-s.queue:
			subs = append(subs, sub)
		default:
			break gather
		}
	}
	s.pace.note(len(subs), time.Now())
	go func() {
		defer func() { <-s.slots }()
		s.process(ctx, subs)
	}()
}

// process answers every submission: after its COMMIT, or with what is wrong with it.
func (s *submitter[S]) process(ctx context.Context, subs []*submission) {
	var until time.Time // of trying, once ctx ended
	conflicts := 0
	for failures := 0; ; failures++ {
		if subs = waiting(subs); len(subs) == 0 {
			return
		}
		err := s.attempt(subs)
		if err == nil {
			return
		}
		verdict := verdictOn(err)
		if verdict == contended {
			conflicts++
		}
		if verdict == poison || conflicts > patientConflicts {
			if len(subs) == 1 {
				subs[0].done <- err
				return
			}
			s.process(ctx, subs[:len(subs)/2])
			s.process(ctx, subs[len(subs)/2:])
			return
		}
		s.m.metrics.retries.WithLabelValues("submit").Inc()
		s.m.deps.Log.WarnContext(ctx, "transaction failed; trying again", "inputs", len(subs), "failures", failures+1, "error", err)
		if ctx.Err() != nil && until.IsZero() {
			until = time.Now().Add(submitDrain)
		}
		if !until.IsZero() && time.Now().After(until) {
			for _, sub := range subs {
				sub.done <- fmt.Errorf("%w; effect unknown: %w", ErrClosed, err)
			}
			return
		}
		_ = pause(context.WithoutCancel(ctx), failures)
	}
}

// waiting drops those whose caller gave up.
func waiting(subs []*submission) []*submission {
	n := 0
	for _, sub := range subs {
		if sub.ctx.Err() == nil {
			subs[n] = sub
			n++
		}
	}
	return subs[:n]
}

// attempt is one transaction over the inputs. It answers them, where it committed.
func (s *submitter[S]) attempt(subs []*submission) error {
	start, m := time.Now(), s.m
	in := make([]Message, len(subs))
	for i, sub := range subs {
		in[i] = sub.in
	}
	refused := make([]error, len(subs))
	var state S
	var sent int
	err := inTransaction(context.Background(), m.deps.Pool, &pgx.Batch{}, func(tx pgx.Tx) (*pgx.Batch, error) {
		var out []Message
		var err error
		state, out, err = m.decideInputs(context.Background(), tx, in, func(i int, err error) { refused[i] = err })
		if err != nil {
			return nil, err
		}
		last := &pgx.Batch{}
		sent = m.queueOutbox(last, out)
		return last, nil
	})
	if err != nil {
		return err
	}
	m.metrics.duration.WithLabelValues("submit").Observe(time.Since(start).Seconds())
	m.wake(sent)
	m.handler.Committed(state)
	for i, sub := range subs {
		sub.done <- refused[i]
	}
	return nil
}

// decideInputs is load, decide and save for inputs that are no records.
func (m *Machine[S]) decideInputs(ctx context.Context, tx pgx.Tx, in []Message, refuse func(int, error)) (s S, out []Message, err error) {
	if s, err = m.load(ctx, tx, in); err != nil {
		return s, nil, err
	}
	now := m.now()
	for i := range in {
		sent, err := m.decide(s, &in[i], now)
		var refused decideError
		switch {
		case errors.As(err, &refused):
			refuse(i, refused.error)
		case err != nil:
			return s, nil, err
		default:
			out = append(out, sent...)
		}
	}
	return s, out, m.save(ctx, tx, s)
}
