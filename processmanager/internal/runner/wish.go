package runner

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/processmanager/saga"
)

// Wish is an operator's input. Effect and Text are the result, and hold once it was submitted.
type Wish struct {
	Input    saga.Message // saga.Retry, Waive or Unwind
	Operator string       // who: the token's subject
	Reason   string       // why

	Effect saga.Effect // Applied, Denied or, where nothing was to be done, Ignored
	Text   string
}

// Submitter is the machine.
type Submitter interface {
	Submit(ctx context.Context, in messaging.Message) error
}

// Ask submits a wish about an order and returns after it is in the history. Errors: ErrNoInstance, ErrNotKept, ErrTooNew
// and ErrNotV7 where there is no such order here; those of Submit.
func Ask(ctx context.Context, m Submitter, order uuid.UUID, w *Wish) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("name the input: %w", err)
	}
	return m.Submit(ctx, messaging.Message{ID: id, Subject: order, Body: w})
}
