package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ordersaga.internal/contracts"
	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/promise"
	"ordersaga.internal/scripts/internal/stack"
	"ordersaga.internal/scripts/internal/verify"
)

// check is the verdict over a stack at rest: what does not hold, in words, and how many records were read for it.
func check(ctx context.Context, s *stack.Stack, crowd *load.Crowd) (violations []string, records int, err error) {
	reader := promise.New()
	if err := load.ReadAll(ctx, s.Brokers, contracts.Topics(), reader.See); err != nil {
		return nil, 0, err
	}
	records, broken := reader.Broken()
	found, err := verify.Stack(ctx, s)
	if err != nil {
		return nil, 0, err
	}
	unknown, err := unanswered(ctx, s, crowd)
	return append(append(broken, found...), unknown...), records, err
}

// unanswered finds orders that are in the database although no customer was ever told of them: since every request was
// repeated with its key until it had its answer, there are none.
func unanswered(ctx context.Context, s *stack.Stack, crowd *load.Crowd) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	url, err := s.Database("orders")
	if err != nil {
		return nil, err
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("read the orders: %w", err)
	}
	rows, err := conn.Query(ctx, "SELECT order_id FROM orders")
	if err != nil {
		return nil, fmt.Errorf("read the orders: %w", err)
	}
	var out []string
	var id uuid.UUID
	_, err = pgx.ForEachRow(rows, []any{&id}, func() error {
		if !crowd.Accepted(id) {
			out = append(out, fmt.Sprintf("I8: order %s was placed twice, or nobody was told of it", id))
		}
		return nil
	})
	return out, errors.Join(err, conn.Close(ctx))
}
