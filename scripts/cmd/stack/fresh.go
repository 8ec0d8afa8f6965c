package main

import (
	"context"

	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/stack"
)

// onFreshStack is load.OnFreshStack with what the flags leave open.
func onFreshStack(ctx context.Context, c stack.Config, work func(*stack.Stack) error) error {
	if err := finish(&c); err != nil {
		return err
	}
	return load.OnFreshStack(ctx, c, work)
}
