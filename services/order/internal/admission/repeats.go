package admission

import (
	"context"
	"log/slog"
	"time"

	"ordersaga.internal/services/order/internal/ordering"
)

// Whether a request repeats an accepted one is asked of the database only where the request would be refused, so at worst for
// every one of a flood. The questions share statements, one at a time; whoever has no answer in time is refused unread.
const (
	mostQuestions = 1024                  // that may wait
	batchOf       = 256                   // in one statement
	gather        = 5 * time.Millisecond  // from the first question to the statement
	patience      = 50 * time.Millisecond // of the one who asks
	queryTimeout  = 2 * time.Second       // of the statement; cutting it off costs a connection
)

// Stored returns those of the keys that have an order.
type Stored func(ctx context.Context, keys []ordering.Key) ([]ordering.Key, error)

type repeats struct {
	find  Stored
	queue chan *question
}

type question struct {
	key    ordering.Key
	answer chan bool // holds one
}

func newRepeats(find Stored) *repeats {
	return &repeats{find: find, queue: make(chan *question, mostQuestions)}
}

// stored tells whether a key is known to have an order.
func (r *repeats) stored(ctx context.Context, key ordering.Key) bool {
	q := &question{key: key, answer: make(chan bool, 1)}
	select {
	case r.queue <- q:
	default:
		return false
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case known := <-q.answer:
		return known
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

func (r *repeats) run(ctx context.Context, log *slog.Logger) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var questions []*question
		select {
		case <-ctx.Done():
			return nil
		case first := <-r.queue:
			questions = append(questions, first)
		}
		timer.Reset(gather)
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		for len(questions) < batchOf && len(r.queue) > 0 {
			questions = append(questions, <-r.queue)
		}
		if err := r.answer(ctx, questions); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "cannot tell repeated requests from new ones; all are refused", "error", err)
		}
	}
}

func (r *repeats) answer(ctx context.Context, questions []*question) error {
	keys := make([]ordering.Key, len(questions))
	for i, q := range questions {
		keys[i] = q.key
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	stored, err := r.find(ctx, keys)
	known := make(map[ordering.Key]bool, len(stored))
	for _, k := range stored {
		known[k] = true
	}
	for _, q := range questions {
		q.answer <- known[q.key]
	}
	return err
}
