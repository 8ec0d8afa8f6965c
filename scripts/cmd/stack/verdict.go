package main

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/google/uuid"

	checker "ordersaga.internal/scripts/internal/check"
	"ordersaga.internal/scripts/internal/check/read"
	"ordersaga.internal/scripts/internal/stack"
)

// restPatience is how long the checker waits for rest after commands that waited for every order's end themselves.
const restPatience = 15 * time.Second

// judged lets the checker, which shares no code with the system, judge a stack. accepted are the orders that were answered
// 202.
func judged(ctx context.Context, s *stack.Stack, accepted iter.Seq[uuid.UUID], patience time.Duration) (*checker.Verdict, error) {
	at := s.Addresses()
	goods, err := at.Goods()
	if err != nil {
		return nil, err
	}
	task := read.Task{Wait: patience, Tell: func(text string) { fmt.Fprintln(os.Stderr, text) }}
	task.Parallel, task.Inputs.Goods = 2, goods
	for id := range accepted {
		task.Inputs.Accepted = append(task.Inputs.Accepted, checker.ID(id))
	}
	return read.Check(ctx, at, task)
}

// against is what a verdict has against a run in which nothing may go wrong, in words: also what is excused elsewhere,
// because it alerts.
func against(v *checker.Verdict) []string {
	out := make([]string, 0, len(v.Violations))
	for _, violation := range v.Violations {
		out = append(out, violation.String())
	}
	for _, cause := range slices.Sorted(maps.Keys(v.Excused)) {
		out = append(out, fmt.Sprintf("%d orders need an operator: %s", v.Excused[cause], cause))
	}
	return out
}
