package caller

import (
	"context"
	"errors"
	"time"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/telemetry"
	"ordersaga.internal/services/payment/internal/payments"
)

// settle calls the provider for the operation and submits what came of it.
func (c *Caller) settle(ctx context.Context, op payments.Operation) {
	if time.Now().After(op.DueAt) { // it waited for longer than its lease: somebody else may have it
		c.answered()
		return
	}
	answer, err := c.ask(telemetry.WithTraceContext(ctx, op.Traceparent, op.Tracestate), op)
	c.answered()
	switch {
	case err == nil:
		c.submit(op, answer)
	case context.Cause(ctx) != nil: // superseded, or the program ends: nothing is known, and others take over
	default:
		c.deps.Log.DebugContext(ctx, "the provider gave no answer", "order_id", op.Order, "operation", op.Kind, "error", err)
		c.submit(op, payments.Unanswered{
			Order: op.Order, Kind: op.Kind, Key: op.Key(), Called: !errors.Is(err, payments.ErrNotCalled),
		})
	}
}

// ask returns the provider's answer to the outstanding call of the operation. Who undoes what is not known to be done
// first closes it, so that a late do fails, and undoes what exists.
func (c *Caller) ask(ctx context.Context, op payments.Operation) (payments.Answered, error) {
	a := payments.Answered{Order: op.Order, Kind: op.Kind, Key: op.Key()}
	var err error
	if op.State == payments.Intended {
		a.Result, err = c.do(ctx, op.DoCall(), op.Attempts > 0)
		if err == nil && a.Result.Outcome == payments.Ready {
			a.Result, err = c.goOn(ctx, op, a.Result.Reference)
		}
		return a, err
	}
	reference := op.Reference
	if !op.Settled {
		found, err := c.deps.Provider.Close(ctx, op.DoCall())
		if err != nil {
			return a, err
		}
		if found.Outcome != payments.Done {
			a.Result = payments.Result{Outcome: payments.Done} // nothing exists: nothing to undo
			return a, nil
		}
		a.Found, reference = &found, found.Reference
	}
	a.Result, err = c.do(ctx, op.UndoCall(reference), op.Attempts > 0)
	return a, err
}

// goOn commits the reference of what the provider has made ready, and has it done: in that order, so that an undo, which
// may come at any time, knows what to close, or that there is nothing.
func (c *Caller) goOn(ctx context.Context, op payments.Operation, reference string) (payments.Result, error) {
	ready := payments.Prepared{Order: op.Order, Kind: op.Kind, Key: op.Key(), Reference: reference}
	if err := c.commit(op, ready); err != nil {
		return payments.Result{}, err
	}
	op.Reference = reference
	r, err := c.do(ctx, op.DoCall(), false)
	if err == nil && r.Outcome == payments.Ready {
		err = errors.New("the provider makes the same call ready again and again")
	}
	return r, err
}

// do asks for the call. lost says that an earlier one got no answer: then it is read before it is asked for again, because
// the provider may have done it and forgotten the key.
func (c *Caller) do(ctx context.Context, call payments.Call, lost bool) (payments.Result, error) {
	if lost {
		if found, err := c.deps.Provider.Get(ctx, call); err != nil || found.Outcome != payments.Nothing {
			return c.stands(ctx, call, found, err)
		}
	}
	r, err := c.deps.Provider.Do(ctx, call)
	switch {
	case err == nil && lost:
		return c.stands(ctx, call, r, nil)
	case err == nil, errors.Is(err, payments.ErrNotCalled), ctx.Err() != nil:
		return r, err
	}
	if found, readErr := c.deps.Provider.Get(ctx, call); readErr == nil && found.Outcome != payments.Nothing {
		return c.stands(ctx, call, found, nil) // perhaps only the answer was lost
	}
	return r, err
}

// stands returns the result of a call that was asked for more than once. A refusal may not be remembered under the key,
// and an earlier call may yet be done: so it is closed, and read, before it is believed.
func (c *Caller) stands(ctx context.Context, call payments.Call, r payments.Result, err error) (payments.Result, error) {
	if err != nil || r.Outcome != payments.Refused {
		return r, err
	}
	closed, err := c.deps.Provider.Close(ctx, call)
	if err != nil || closed.Outcome != payments.Nothing {
		return closed, err
	}
	return r, nil
}

const overloadedPause = 20 * time.Millisecond

// submit gives the machine what came of a call. Where that fails, the lease ends and the call is repeated, with the same
// key.
func (c *Caller) submit(op payments.Operation, body any) {
	if err := c.commit(op, body); err != nil && c.ctx.Err() == nil {
		c.deps.Log.WarnContext(c.ctx, "the provider's answer was not taken; it will be asked for again",
			"order_id", op.Order, "operation", op.Kind, "error", err)
	}
}

// commit returns after the COMMIT.
func (c *Caller) commit(op payments.Operation, body any) error {
	in := messaging.Message{Subject: op.Order, Body: body, Traceparent: op.Traceparent, Tracestate: op.Tracestate}
	for {
		err := c.deps.Submit(c.ctx, in)
		if !errors.Is(err, messaging.ErrOverloaded) || !time.Now().Before(op.DueAt) {
			return err
		}
		wait(c.ctx, overloadedPause)
	}
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
