package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"

	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/stack"
)

// standstill is how long nothing may end before the rest counts as hanging: longer than a step's deadline, which is a
// minute, and all that may follow it.
const standstill = 150 * time.Second

// Settle waits until every accepted order ended, or none has for too long.
func Settle(ctx context.Context, orders *load.Flights, out io.Writer) error {
	last, since, told := -1, time.Now(), time.Now()
	for {
		open := len(orders.Open())
		if open == 0 {
			return nil
		}
		if open != last {
			last, since = open, time.Now()
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

// Quiet waits, at most a while, until nothing is left to be sent and every saga that can has ended: what the verdict looks
// at must not move.
func Quiet(ctx context.Context, s *stack.Stack) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		busy, err := busy(ctx, s)
		if err == nil && !busy {
			return nil
		}
		if !wait(ctx, 200*time.Millisecond) {
			if errors.Is(ctx.Err(), context.DeadlineExceeded) && err == nil {
				return nil
			}
			return errors.Join(ctx.Err(), err)
		}
	}
}

func busy(ctx context.Context, s *stack.Stack) (bool, error) {
	for _, svc := range stack.Services() {
		if svc.Database == "" {
			continue
		}
		query := "SELECT EXISTS (SELECT FROM outbox)"
		if svc.Name == "processmanager" {
			query = "SELECT EXISTS (SELECT FROM outbox) OR EXISTS (SELECT FROM instance WHERE finished_at IS NULL AND stuck = '')"
		}
		url, err := s.Database(svc.Database)
		if err != nil {
			return false, err
		}
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return false, fmt.Errorf("look at %s: %w", svc.Database, err)
		}
		var busy bool
		err = errors.Join(conn.QueryRow(ctx, query).Scan(&busy), conn.Close(ctx))
		if err != nil {
			return false, fmt.Errorf("look at %s: %w", svc.Database, err)
		}
		if busy {
			return true, nil
		}
	}
	return false, nil
}
