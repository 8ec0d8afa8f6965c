package load

import (
	"context"
	"errors"
	"fmt"
	"os"

	"ordersaga.internal/scripts/internal/stack"
)

// OnFreshStack starts a seeded stack in a temporary folder, does the work, and leaves nothing of either.
func OnFreshStack(ctx context.Context, c stack.Config, work func(*stack.Stack) error) (err error) {
	if c.Dir, err = os.MkdirTemp("", "ordersaga-*"); err != nil {
		return fmt.Errorf("temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(c.Dir)) }()
	s, err := stack.Up(ctx, c)
	if err != nil {
		return err
	}
	defer s.Down()
	if err := Seed(ctx, s); err != nil {
		return err
	}
	return work(s)
}
