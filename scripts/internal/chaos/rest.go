package chaos

import (
	"context"
	"fmt"
	"io"
	"time"

	"ordersaga.internal/scripts/internal/load"
)

// standstill is how long nothing may end before the rest counts as hanging: longer than a step's deadline, which is a
// minute, and all that may follow it.
const standstill = 150 * time.Second

// operatorsPatience is how long nothing may end before an operator is called.
const operatorsPatience = 30 * time.Second

// Settle waits until every accepted order ended, or none has for too long. Where none has for a while, it calls the
// operator.
func Settle(ctx context.Context, orders *load.Flights, operator func(context.Context) error, out io.Writer) error {
	last, since, told, called := -1, time.Now(), time.Now(), false
	for {
		open := len(orders.Open())
		if open == 0 {
			return nil
		}
		if open != last {
			last, since, called = open, time.Now(), false
		}
		if !called && time.Since(since) > operatorsPatience {
			called = true
			if err := operator(ctx); err != nil {
				return err
			}
		}
		if time.Since(since) > standstill {
			return nil // the verdict names them
		}
		if time.Since(told) > 10*time.Second {
			told = time.Now()
			_, _ = fmt.Fprintf(out, "          %d orders have not ended\n", open)
		}
		if !wait(ctx, 100*time.Millisecond) {
			return ctx.Err()
		}
	}
}
