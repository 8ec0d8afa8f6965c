// Package people is who tests stand around a running stack: a customer, an operator, the provider's own operator, and
// somebody who reads the topics.
package people

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/stack"
)

// People of a stack, all at its first replicas. The fields are theirs to use as they are.
type People struct {
	*stack.Stack

	Customer, Other *load.Client // of the order API
	Operator        *load.Client // of the process manager's admin port
	Warehouse       *load.Client // an operator of the warehouse API
	Provider        *load.Client
	Placed          []uuid.UUID // every order that was accepted through Place and PlaceOrder

	mu   sync.Mutex
	said map[uuid.UUID][]*kgo.Record // of each order, as they came, topic by topic
}

// Around returns the people of a stack. They listen until ctx ends.
func Around(ctx context.Context, s *stack.Stack) (*People, error) {
	p := &People{Stack: s, said: map[uuid.UUID][]*kgo.Record{}, Provider: load.NewClient(s.APIs("provider"), stack.ProviderKey)}
	for client, who := range map[**load.Client]struct {
		addr          string
		subject, role string
	}{
		&p.Customer:  {s.APIs("order")[0], "alice", "customer"},
		&p.Other:     {s.APIs("order")[0], "bob", "customer"},
		&p.Operator:  {s.Admin("processmanager"), "olga", "operator"},
		&p.Warehouse: {s.APIs("warehouse")[0], "olga", "operator"},
	} {
		token, err := s.Keys.Token(who.subject, who.role, time.Hour)
		if err != nil {
			return nil, err
		}
		*client = load.NewClient([]string{who.addr}, token)
	}
	_, err := load.Tap(ctx, s.Brokers, contracts.Topics(), true, p.hear)
	return p, err
}

func (p *People) hear(r *kgo.Record) {
	id, err := uuid.ParseBytes(r.Key)
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said[id] = append(p.said[id], r)
}

// Said returns what was said of an order so far: in the order of the log within a topic.
func (p *People) Said(id uuid.UUID) []*kgo.Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]*kgo.Record(nil), p.said[id]...)
}

// Heard counts the messages of a name ("OrderPlaced") that an order has.
func (p *People) Heard(id uuid.UUID, name string) (n int) {
	for _, r := range p.Said(id) {
		if load.Name(r) == name {
			n++
		}
	}
	return n
}

// Hears waits until an order has so many messages of a name.
func (p *People) Hears(t testing.TB, id uuid.UUID, name string, count int) {
	t.Helper()
	testkit.Eventually(t, func() bool { return p.Heard(id, name) >= count }, name, "of", id.String())
}

// Program returns a service's first replica.
func (p *People) Program(t testing.TB, service string) *stack.Program {
	t.Helper()
	program := p.Stack.Program(service)
	if program == nil {
		t.Fatalf("no %s runs", service)
	}
	return program
}

// Place places an order of two units of each SKU.
func (p *People) Place(t testing.TB, method string, skus ...string) uuid.UUID {
	t.Helper()
	o := load.Order{PaymentMethod: method, ShipTo: "addr-1"}
	for _, sku := range skus {
		o.Lines = append(o.Lines, load.Line{SKU: sku, Quantity: 2})
	}
	return p.PlaceOrder(t, "", o)
}

// PlaceOrder places an order under a key; "" draws one.
func (p *People) PlaceOrder(t testing.TB, key string, o load.Order) uuid.UUID {
	t.Helper()
	id, err := p.Customer.Place(t.Context(), key, o)
	require.NoError(t, err)
	p.Placed = append(p.Placed, id)
	return id
}
