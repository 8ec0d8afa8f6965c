package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ordersaga.internal/scripts/internal/check"
	"ordersaga.internal/scripts/internal/check/read"
	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/stack"
)

// checkPatience is how long the checker waits for rest once every order ended, or none does any more.
const checkPatience = time.Minute

// independently lets the checker, which shares no code with the system, judge a stack after a crowd's orders.
func independently(ctx context.Context, s *stack.Stack, crowd *load.Crowd, tell func(string)) (*check.Verdict, error) {
	goods, err := s.Addresses().Goods()
	if err != nil {
		return nil, err
	}
	told := check.Inputs{Goods: goods}
	for _, id := range crowd.Accepted() {
		told.Accepted = append(told.Accepted, check.ID(id))
	}
	return read.Check(ctx, s.Addresses(), read.Task{Options: check.Options{Inputs: told}, Wait: checkPatience, Tell: tell})
}

// untold finds orders that are in the database although no customer was ever told of them: since every request was
// repeated with its key until it had its answer, there are none. The checker cannot know that.
func untold(ctx context.Context, s *stack.Stack, crowd *load.Crowd) ([]string, error) {
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
	accepted := map[uuid.UUID]bool{}
	for _, id := range crowd.Accepted() {
		accepted[id] = true
	}
	var out []string
	var id uuid.UUID
	_, err = pgx.ForEachRow(rows, []any{&id}, func() error {
		if !accepted[id] {
			out = append(out, fmt.Sprintf("I8: order %s was placed twice, or nobody was told of it", id))
		}
		return nil
	})
	return out, errors.Join(err, conn.Close(ctx))
}
