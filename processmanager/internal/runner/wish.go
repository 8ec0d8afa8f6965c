package runner

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/processmanager/internal/store"
	"ordersaga.internal/processmanager/saga"
)

// Wish is an operator's input. Effect and Text are the result, and hold once it was submitted.
type Wish struct {
	Input    saga.Message // saga.Retry, Waive or Unwind
	Operator string       // who: the token's subject
	Reason   string       // why
	Key      string       // the operator's, of this wish: the same wish with the same key has one effect; "": no other is the same

	Effect saga.Effect // Applied, Denied or, where nothing was to be done, Ignored
	Text   string
}

// Submitter is the machine.
type Submitter interface {
	Submit(ctx context.Context, in messaging.Message) error
}

// Ask submits a wish about an order and returns after it is in the history. A wish that is there already, because its COMMIT
// was not answered or the operator repeated it with its key, is not granted again: its result is that of the first time.
// Errors: ErrNoInstance, ErrNotKept, ErrTooNew and ErrNotV7 where there is no such order here; those of Submit.
func Ask(ctx context.Context, m Submitter, order uuid.UUID, w *Wish) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("name the input: %w", err)
	}
	if w.Key != "" {
		id = uuid.NewSHA1(order, []byte(strings.Join([]string{w.Input.WireType(), w.step(), w.Operator, w.Key}, "\x00")))
	}
	return m.Submit(ctx, messaging.Message{ID: id, Subject: order, Body: w})
}

// step is the one that the wish names, "" where it names none.
func (w *Wish) step() string {
	switch input := w.Input.(type) {
	case saga.Retry:
		return input.Step
	case saga.Waive:
		return input.Step
	}
	return ""
}

// wishes returns where the inputs that are wishes would be in the history.
func wishes(in []messaging.Message) (keys []store.EntryKey) {
	for i := range in {
		if _, ok := in[i].Body.(*Wish); ok {
			keys = append(keys, store.EntryKey{OrderID: in[i].Subject, InputID: in[i].ID})
		}
	}
	return keys
}
