//go:build crash

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/postgres"
	"ordersaga.internal/infra/program"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/infra/testkit/crash"
)

// The order service dies at every point where it touches the world, the customer's request included. The customer asks
// again with the same key until there is an answer; see crash.
func TestCrashEverywhere(t *testing.T) {
	crash.Everywhere(t, crash.Config[*graveyard, *perishable]{World: newGraveyard, Scenarios: []mortal{
		{Name: "completes", Play: playOrder("completed")},
		{Name: "rejected", Play: playOrder("rejected")},
		{Name: "cancelled in flight", Play: playOrder("cancelled")},
		{Name: "cancelled too late", Play: playOrder("cancelled too late")},
		{Name: "placed thrice at once", Play: playThrice},
		{Name: "nothing like it", Play: playRefused},
		{Name: "whole life", Play: playOrder("completed"), Whole: true},
	}})
}

type (
	mortal = crash.Scenario[*graveyard, *perishable]
	stage  = crash.Stage[*perishable]
	end    = func() (string, error)
)

// perishable is a replica that may die at any moment, and the customer's way to it.
type perishable struct {
	*service
	customer *http.Client
	url      string
}

func (p *perishable) Run(ctx context.Context) error   { return p.run(ctx) }
func (p *perishable) Ready(ctx context.Context) error { return p.machine.Ready(ctx) }
func (p *perishable) Close()                          { p.parts.Close(context.Background()) }

// graveyard is a world in which replicas die and come back.
type graveyard struct {
	*shop
	log   *crash.Log
	alice string // her token
}

func newGraveyard(t *testing.T) *graveyard {
	t.Helper()
	s := newShop(t)
	g := &graveyard{s, crash.NewLog(t, s.broker, contracts.OrderCommands, contracts.OrderEvents), testkit.Token(t, "alice", "customer")}
	_, err := s.db.Pool.Exec(t.Context(), `INSERT INTO products (sku, name, price_minor, currency) VALUES ('mug', 'A mug', 1999, 'EUR')`)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// Start implements crash.World. It does what main does, with the parts' ways out through the ports.
func (g *graveyard) Start(p *crash.Ports) (_ *perishable, err error) {
	c := config{
		Common: program.Common{
			DatabaseURL: g.db.URL, DatabaseConns: 10, KafkaBrokers: g.broker.Addrs, KafkaTopicPrefix: g.broker.Prefix,
			Replica: "1", Workers: 1, Relay: true, JWKS: testkit.JWKS(g.t), JWTIssuer: testkit.Issuer, JWTAudience: testkit.Audience,
			LogLevel: "error+9",
		},
		HTTPAddr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0", Concurrent: 1000, Outbox: 1000, Unfinished: 1000, Streams: 100,
	}
	parts, err := c.Open(p.Dead, "order")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			parts.Close(context.Background())
		}
	}()
	parts.Pool.Close()
	if parts.Pool, err = postgres.Open(p.Dead, g.db.URL, p.Database); err != nil {
		return nil, err
	}
	open := parts.Kafka
	parts.Kafka = func(opts ...kgo.Opt) (*kgo.Client, error) { return open(append(opts, p.Kafka()...)...) }
	running, err := assemble(context.Background(), c, parts)
	if err != nil {
		return nil, err
	}
	return &perishable{running, &http.Client{Transport: p.Transport(g.client.Transport)}, "http://" + running.api.Addr()}, nil
}

// Lapse implements crash.World.
func (g *graveyard) Lapse(ctx context.Context) error { return crash.Lapse(ctx, g.db.Pool) }

// errAgain is an answer after which a customer asks again: the service cannot say what became of the request.
var errAgain = errors.New("the service says to ask again")

// ask sends a request of alice's until it is answered, and returns the answer.
func (g *graveyard) ask(s *stage, path, body, key string) (a answer, err error) {
	err = s.Try("an answer to POST "+path, func(ctx context.Context, it *perishable) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, it.url+path, strings.NewReader(body))
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+g.alice)
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Idempotency-Key", key)
		}
		response, err := it.customer.Do(r)
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			return err
		}
		a = answer{response.StatusCode, response.Header, string(text)}
		if a.status >= http.StatusInternalServerError || a.problem() == "idempotency-key-in-use" {
			return fmt.Errorf("%w: %d %s", errAgain, a.status, a.body)
		}
		return nil
	})
	return a, err
}

// place places an order and returns its id.
func (g *graveyard) place(s *stage, key string) (uuid.UUID, error) {
	a, err := g.ask(s, "/v1/orders", mug, key)
	if err != nil {
		return uuid.Nil, err
	}
	var o struct {
		ID     uuid.UUID `json:"order_id"`
		Status string    `json:"status"`
	}
	if err := json.Unmarshal([]byte(a.body), &o); err != nil || a.status != http.StatusAccepted || o.Status != "placed" {
		return uuid.Nil, fmt.Errorf("placed: %d %s: %w", a.status, a.body, err)
	}
	return o.ID, nil
}

// playOrder places an order, perhaps cancels it, and ends it as the process manager would.
func playOrder(how string) func(*graveyard, *stage) (end, error) {
	return func(g *graveyard, s *stage) (end, error) {
		key := uuid.NewString()
		order, err := g.place(s, key)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(how, "cancelled") {
			if a, err := g.ask(s, "/v1/orders/"+order.String()+"/cancellation", "", ""); err != nil || a.status != http.StatusAccepted {
				return nil, fmt.Errorf("cancelled: %d %s: %w", a.status, a.body, err)
			}
		}
		last := "OrderCompleted.v1"
		switch how {
		case "rejected":
			last = "OrderRejected.v1"
			g.command(order, contracts.RejectOrder{OrderID: order, Step: "reserve stock", Reason: contracts.ReasonOutOfStock}, uuid.New(), "1")
		case "cancelled":
			last = "OrderCancelled.v1"
			g.command(order, contracts.CancelOrder{OrderID: order}, uuid.New(), "1")
		default:
			g.command(order, contracts.CompleteOrder{OrderID: order}, uuid.New(), "1")
		}
		if err := s.Await(last, func() (bool, error) { return g.log.Has(order.String(), last), nil }); err != nil {
			return nil, err
		}
		return g.ending(s, key, order), nil
	}
}

// playThrice: an impatient customer asks three times at once. There is one order, and everybody is told of it.
func playThrice(g *graveyard, s *stage) (end, error) {
	key := uuid.NewString()
	var orders [3]uuid.UUID
	var errs [3]error
	var all sync.WaitGroup
	for i := range orders {
		all.Go(func() { orders[i], errs[i] = g.place(s, key) })
	}
	all.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	if orders[0] != orders[1] || orders[1] != orders[2] {
		return nil, fmt.Errorf("one request, but several orders: %v", orders)
	}
	return g.ending(s, key, orders[0]), nil
}

// playRefused: what the shop does not have is refused, and leaves nothing.
func playRefused(g *graveyard, s *stage) (end, error) {
	key := uuid.NewString()
	a, err := g.ask(s, "/v1/orders", strings.Replace(mug, "mug", "jug", 1), key)
	if err == nil && a.problem() != "unknown-sku /lines/0/sku" {
		err = fmt.Errorf("refused: %d %s", a.status, a.body)
	}
	return g.ending(s, key, uuid.New()), err
}

// ending waits for rest, and tells what is in the log and in the database.
func (g *graveyard) ending(s *stage, key string, order uuid.UUID) end {
	return func() (string, error) {
		err := s.Await("rest", func() (bool, error) {
			return g.log.AtRest(s.Context(), crash.Machine{Pool: g.db.Pool, Topics: []string{contracts.OrderCommands}})
		})
		if err != nil {
			return "", err
		}
		lines, err := g.log.Told(order.String())
		if err != nil {
			return "", err
		}
		const books = `
SELECT 'order ' || concat_ws(' ', status, cancellation, step, reason, total_minor, version, order_id = $2) FROM orders WHERE idempotency_key = $1
UNION ALL SELECT 'fence ' || operation || ' ' || undo || ' ' || state FROM fence WHERE subject = $2
UNION ALL SELECT 'dead letter ' || reason || ' ' || type FROM dead_letters WHERE subject = $2
ORDER BY 1`
		rows, err := g.db.Pool.Query(s.Context(), books, key, order)
		if err != nil {
			return "", err
		}
		kept, err := pgx.CollectRows(rows, pgx.RowTo[string])
		return strings.Join(append(lines, kept...), "\n"), err
	}
}
