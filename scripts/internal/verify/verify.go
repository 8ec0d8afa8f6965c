// Package verify checks the invariants of a local stack at rest, from outside: the provider's own ledger and each
// service's database, read as the superuser. It serves the demo and the bench.
package verify

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ordersaga.internal/scripts/internal/stack"
)

// findings are the invariants that do not hold, in words. Beyond the first few of a kind they are only counted.
type findings struct {
	lines []string
	count map[string]int
}

const mostOfAKind = 5

func (f *findings) add(invariant, format string, args ...any) {
	if f.count == nil {
		f.count = map[string]int{}
	}
	if f.count[invariant]++; f.count[invariant] <= mostOfAKind {
		f.lines = append(f.lines, invariant+": "+fmt.Sprintf(format, args...))
	}
}

func (f *findings) all() []string {
	out := f.lines
	for invariant, n := range f.count {
		if n > mostOfAKind {
			out = append(out, fmt.Sprintf("%s: %d more", invariant, n-mostOfAKind))
		}
	}
	slices.Sort(out)
	return out
}

// order is what the order service says.
type order struct {
	status string
	total  int64
}

// Stack returns the invariants (DESIGN, section 11: I1 to I4, I6, I8) that do not hold, in words; none where all do.
func Stack(ctx context.Context, s *stack.Stack) ([]string, error) {
	f := &findings{}
	orders, err := readOrders(ctx, s)
	if err != nil {
		return nil, err
	}
	money, err := readLedger(ctx, s, f)
	if err != nil {
		return nil, err
	}
	parcels, err := checkStock(ctx, s, f)
	if err != nil {
		return nil, err
	}
	for id, o := range orders {
		checkOrder(f, id, o, money[id], parcels[id])
	}
	for id := range money {
		if _, ok := orders[id]; !ok {
			f.add("I8", "the provider was called for order %s, which nobody placed", id)
		}
	}
	if err := checkSagas(ctx, s, orders, f); err != nil {
		return nil, err
	}
	return f.all(), checkDeadLetters(ctx, s, f)
}

func checkOrder(f *findings, id uuid.UUID, o order, m account, p string) {
	dispatched := p == "dispatched"
	switch {
	case o.status == "placed":
		f.add("I6", "order %s did not end", id)
		return
	case (o.status == "completed") != dispatched:
		f.add("I6", "order %s is %s but its goods are %q", id, o.status, p)
	case p == "held":
		f.add("I2", "order %s is %s and still holds stock", id, o.status)
	}
	if m.authorized != m.captured+m.voided+m.expired {
		f.add("I1", "order %s: authorised %d, captured %d, voided %d, expired %d", id, m.authorized, m.captured, m.voided, m.expired)
	}
	want := int64(0)
	if dispatched {
		want = o.total
	}
	if m.captured-m.refunded != want {
		f.add("I1", "order %s is %s: captured %d, refunded %d, worth %d", id, o.status, m.captured, m.refunded, o.total)
	}
	if dispatched && m.captured < o.total {
		f.add("I3", "order %s was dispatched with %d of %d captured", id, m.captured, o.total)
	}
}

func connect(ctx context.Context, s *stack.Stack, database string) (*pgx.Conn, error) {
	url, err := s.Database(database)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", database, err)
	}
	return conn, nil
}

func readOrders(ctx context.Context, s *stack.Stack) (map[uuid.UUID]order, error) {
	conn, err := connect(ctx, s, "orders")
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx) //nolint:errcheck // read only
	rows, err := conn.Query(ctx, "SELECT order_id, status, total_minor FROM orders")
	if err != nil {
		return nil, fmt.Errorf("read the orders: %w", err)
	}
	out := map[uuid.UUID]order{}
	var id uuid.UUID
	var o order
	_, err = pgx.ForEachRow(rows, []any{&id, &o.status, &o.total}, func() error {
		out[id] = o
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the orders: %w", err)
	}
	return out, nil
}

// checkSagas compares the process manager's instances with the orders: one each, ended alike.
func checkSagas(ctx context.Context, s *stack.Stack, orders map[uuid.UUID]order, f *findings) error {
	conn, err := connect(ctx, s, "processmanager")
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // read only
	rows, err := conn.Query(ctx, "SELECT order_id, state, stuck FROM instance")
	if err != nil {
		return fmt.Errorf("read the sagas: %w", err)
	}
	var id uuid.UUID
	var state, stuck string
	n := 0
	_, err = pgx.ForEachRow(rows, []any{&id, &state, &stuck}, func() error {
		n++
		if o, ok := orders[id]; !ok {
			f.add("I8", "saga %s has no order", id)
		} else if o.status != state {
			f.add("I6", "order %s is %s, its saga %s %s", id, o.status, state, stuck)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the sagas: %w", err)
	}
	if n != len(orders) {
		f.add("I8", "%d orders, %d sagas", len(orders), n)
	}
	return nil
}

// checkDeadLetters finds messages that were set aside: no order of the demo and the bench has any.
func checkDeadLetters(ctx context.Context, s *stack.Stack, f *findings) error {
	for _, service := range stack.Services() {
		if service.Database == "" {
			continue
		}
		conn, err := connect(ctx, s, service.Database)
		if err != nil {
			return err
		}
		var n int
		if err := conn.QueryRow(ctx, "SELECT count(*) FROM dead_letters").Scan(&n); err != nil {
			return fmt.Errorf("count the dead letters of %s: %w", service.Name, err)
		}
		if n > 0 {
			f.add("I6", "%s holds %d dead letters", service.Name, n)
		}
		if err := conn.Close(ctx); err != nil {
			return fmt.Errorf("close: %w", err)
		}
	}
	return nil
}
