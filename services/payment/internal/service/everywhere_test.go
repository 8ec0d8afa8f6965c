//go:build crash

package service

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace/noop"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/postgres"
	"ordersaga.internal/infra/testkit/crash"
	"ordersaga.internal/services/payment/internal/caller"
	"ordersaga.internal/services/payment/internal/guard"
	"ordersaga.internal/services/payment/internal/payments"
)

// The payment service dies at every point where it touches the world, the provider included; see crash.
func TestCrashEverywhere(t *testing.T) {
	authorize, capture, void, refund := (*world).authorize, (*world).capture, (*world).void, (*world).refund
	story := func(method string, steps ...step) func(*graveyard, *stage) (end, error) {
		return func(g *graveyard, s *stage) (end, error) { return g.play(s, method, steps) }
	}
	crash.Everywhere(t, crash.Config[*graveyard, *perishable]{World: newGraveyard, Scenarios: []mortal{
		{Name: "completes", Play: story("pm_ok", step{authorize, "PaymentAuthorized.v1"}, step{capture, "PaymentCaptured.v1"})},
		{Name: "declined", Play: story("pm_declined", step{authorize, "PaymentDeclined.v1"})},
		{Name: "capture refused", Play: story("pm_capture_refused", step{authorize, "PaymentAuthorized.v1"},
			step{capture, "PaymentCaptureRefused.v1"}, step{void, "PaymentVoided.v1"})},
		{Name: "damaged", Play: story("pm_ok", step{authorize, "PaymentAuthorized.v1"}, step{capture, "PaymentCaptured.v1"},
			step{refund, "PaymentRefunded.v1"}, step{void, "PaymentVoided.v1"})},
		{Name: "cancelled in flight", Play: story("pm_ok", step{authorize, "PaymentAuthorized.v1"}, step{void, "PaymentVoided.v1"})},
		{Name: "answers lost", Play: story("pm_timeout_after", step{authorize, "PaymentAuthorized.v1"}, step{capture, "PaymentCaptured.v1"})},
		{Name: "unknown and undone", Play: playUnknown},
		{Name: "told by webhook", Play: playHint},
		{Name: "undone before it came", Play: story("pm_ok", step{void, "PaymentVoided.v1"}, step{authorize, "PaymentDeclined.v1"})},
		{Name: "whole life", Whole: true, Play: story("pm_ok", step{authorize, "PaymentAuthorized.v1"}, step{capture, "PaymentCaptured.v1"})},
	}})
}

type (
	mortal = crash.Scenario[*graveyard, *perishable]
	stage  = crash.Stage[*perishable]
	end    = func() (string, error)
)

// perishable is a replica that may die at any moment.
type perishable struct {
	*Service
	pool  *pgxpool.Pool
	ports *crash.Ports
}

func (p *perishable) Close() { p.pool.Close() }

// graveyard is a world in which replicas die and come back.
type graveyard struct {
	*world
	log *crash.Log
}

func newGraveyard(t *testing.T) *graveyard {
	t.Helper()
	w := newWorld(t)
	return &graveyard{w, crash.NewLog(t, w.broker, contracts.PaymentCommands, contracts.PaymentEvents)}
}

// Start implements crash.World.
func (g *graveyard) Start(p *crash.Ports) (*perishable, error) {
	pool, err := postgres.Open(p.Dead, g.db.URL, p.Database)
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.DiscardHandler)
	s, err := New(messaging.Deps{
		Pool: pool, Codec: contracts.NewRegistry(), Metrics: prometheus.NewRegistry(), Tracer: noop.Tracer{}, Log: log,
		Kafka: func(opts ...kgo.Opt) (*kgo.Client, error) {
			return kafka.NewClient(g.broker.Config(), log, append(opts, p.Kafka()...)...)
		},
	}, &line{g.client, p}, Config{
		Machine: messaging.Config{Replica: "1", Partitions: partitions, TopicPrefix: g.broker.Prefix, Workers: 1},
		Guard:   guard.Config{Timeout: 300 * time.Millisecond, BreakerPause: 50 * time.Millisecond},
		Caller:  caller.Config{Sweep: 50 * time.Millisecond, Drain: 50 * time.Millisecond},
		Lease:   2 * time.Second,
	})
	if err != nil {
		pool.Close()
		return nil, err
	}
	return &perishable{s, pool, p}, nil
}

// Lapse implements crash.World.
func (g *graveyard) Lapse(ctx context.Context) error { return crash.Lapse(ctx, g.db.Pool) }

// line is the way to the provider.
type line struct {
	payments.Provider
	ports *crash.Ports
}

func (l *line) Do(ctx context.Context, c payments.Call) (payments.Result, error) {
	return l.call(ctx, string(c.Action), c, l.Provider.Do)
}

func (l *line) Close(ctx context.Context, c payments.Call) (payments.Result, error) {
	return l.call(ctx, "close", c, l.Provider.Close)
}

func (l *line) Get(ctx context.Context, c payments.Call) (payments.Result, error) {
	return l.call(ctx, "get", c, l.Provider.Get)
}

func (l *line) call(
	ctx context.Context, name string, c payments.Call, ask func(context.Context, payments.Call) (payments.Result, error),
) (r payments.Result, err error) {
	err = l.ports.Call(ctx, "provider "+name, func(ctx context.Context) (err error) {
		r, err = ask(ctx, c)
		return err
	})
	if err != nil {
		return payments.Result{}, err
	}
	return r, nil
}

// step is a command, and the answer to wait for before the next.
type step struct {
	command func(*world, *order, int)
	answer  string
}

func (g *graveyard) play(s *stage, method string, steps []step) (end, error) {
	o := newOrder(method)
	for _, next := range steps {
		next.command(g.world, o, 1)
		err := s.Await(next.answer, func() (bool, error) { return g.log.Has(o.id.String(), next.answer), nil })
		if err != nil {
			return nil, err
		}
	}
	return g.ending(s, o), nil
}

// playUnknown: the provider never does what it is asked; the process manager asks again, and then undoes.
func playUnknown(g *graveyard, s *stage) (end, error) {
	o := newOrder("pm_timeout_before")
	g.authorize(o, 1)
	err := s.Await("the intent", func() (found bool, err error) {
		err = g.db.Pool.QueryRow(s.Context(), `SELECT EXISTS (SELECT FROM operation WHERE order_id = $1)`, o.id).Scan(&found)
		return found, err
	})
	g.authorize(o, 2)
	g.void(o, 1)
	if err == nil {
		err = s.Await("the void", func() (bool, error) { return g.log.Has(o.id.String(), "PaymentVoided.v1"), nil })
	}
	return g.ending(s, o), err
}

// playHint: the provider does what it is asked but does not answer; it says so by a webhook, again and again until that is
// taken.
func playHint(g *graveyard, s *stage) (end, error) {
	o := newOrder("pm_timeout_after")
	g.authorize(o, 1)
	err := s.Await("the provider's effect", func() (bool, error) { return len(g.effectsOf(o.id)) > 0, nil })
	if err == nil {
		err = s.Try("the webhook", func(ctx context.Context, it *perishable) error {
			return it.ports.Call(ctx, "webhook", func(ctx context.Context) error {
				return it.Hint(ctx, []payments.Hint{{Order: o.id, Key: o.authorize.String()}})
			})
		})
	}
	if err == nil {
		err = s.Await("the answer", func() (bool, error) { return g.log.Has(o.id.String(), "PaymentAuthorized.v1"), nil })
	}
	return g.ending(s, o), err
}

// ending waits for rest, and tells what is in the log, in the database and at the provider.
func (g *graveyard) ending(s *stage, o *order) end {
	return func() (string, error) {
		err := s.Await("rest", func() (bool, error) {
			return g.log.AtRest(s.Context(), crash.Machine{Pool: g.db.Pool, Topics: []string{contracts.PaymentCommands}})
		})
		if err != nil {
			return "", err
		}
		lines, err := g.log.Told(o.id.String())
		if err != nil {
			return "", err
		}
		books, err := g.books(s.Context(), o.id)
		return strings.Join(append(append(lines, books...), g.effectsOf(o.id)...), "\n"), err
	}
}

func (g *graveyard) books(ctx context.Context, order uuid.UUID) ([]string, error) {
	rows, err := g.db.Pool.Query(ctx, `
SELECT 'operation ' || kind || ' ' || state || ' done ' || done_minor || ' undone ' || undone_minor || ' open ' || (due_at IS NOT NULL)
FROM operation WHERE order_id = $1
UNION ALL SELECT 'fence ' || operation || ' ' || undo || ' ' || state FROM fence WHERE subject = $1
UNION ALL SELECT 'dead letter ' || reason || ' ' || type FROM dead_letters WHERE subject = $1
ORDER BY 1`, order)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// effectsOf is what the provider did for the order, each time that it did.
func (g *graveyard) effectsOf(order uuid.UUID) []string {
	var out []string
	for _, e := range g.provider.Ledger(g, order.String()) {
		if e.Outcome == "succeeded" {
			out = append(out, fmt.Sprintf("the provider: %s %d", e.Operation, e.AmountMinor))
		}
	}
	slices.Sort(out)
	return out
}
