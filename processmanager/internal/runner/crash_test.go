//go:build crash

package runner_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace/noop"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/postgres"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/infra/testkit/crash"
	"ordersaga.internal/processmanager/internal/fulfilment"
	"ordersaga.internal/processmanager/internal/runner"
	"ordersaga.internal/processmanager/internal/store"
	"ordersaga.internal/processmanager/migrations"
	"ordersaga.internal/processmanager/saga"
)

// The process manager dies at every point where it touches the world, in every kind of life that an order has; see crash.
func TestCrashEverywhere(t *testing.T) {
	crash.Everywhere(t, crash.Config[*graveyard, *perishable]{
		World: func(t *testing.T) *graveyard { return newGraveyard(t, saga.NewSet(fulfilment.V1), 0) },
		Scenarios: []mortal{
			{Name: "completes", Play: orderThat("OrderCompleted.v1", nil)},
			{Name: "out of stock", Play: orderThat("OrderRejected.v1", refusing(contracts.ReserveStock{}, func(o uuid.UUID) any {
				return contracts.StockReservationRefused{OrderID: o, Reason: contracts.ReasonOutOfStock}
			}))},
			{Name: "declined", Play: orderThat("OrderRejected.v1", refusing(contracts.AuthorizePayment{}, func(o uuid.UUID) any {
				return contracts.PaymentDeclined{OrderID: o, Reason: contracts.ReasonDeclined}
			}))},
			{Name: "capture refused", Play: orderThat("OrderRejected.v1", refusing(contracts.CapturePayment{}, func(o uuid.UUID) any {
				return contracts.PaymentCaptureRefused{OrderID: o, Reason: contracts.ReasonExpired}
			}))},
			{Name: "damaged", Play: orderThat("OrderRejected.v1", refusing(contracts.DispatchOrder{}, func(o uuid.UUID) any {
				return contracts.DispatchRefused{OrderID: o, Reason: contracts.ReasonDamaged}
			}))},
			{Name: "cancelled in flight", Play: playCancelled},
			{Name: "cancelled too late", Play: playCancelledTooLate},
			{Name: "owed and waived", Play: playOwed},
			{Name: "whole life", Play: orderThat("OrderCompleted.v1", nil), Whole: true},
		},
	})
}

// The same where time passes: a silent step is sent again, and undone at its deadline.
func TestCrashAtDeadlines(t *testing.T) {
	d := *fulfilment.V1
	d.Steps = slices.Clone(d.Steps)
	for i := range d.Steps {
		if s := &d.Steps[i]; s.Name == "authorize payment" {
			s.Resend, s.Timeout = 150*time.Millisecond, 400*time.Millisecond
		}
	}
	crash.Everywhere(t, crash.Config[*graveyard, *perishable]{
		World: func(t *testing.T) *graveyard {
			return newGraveyard(t, saga.NewSet(saga.Define(d)), 50*time.Millisecond)
		},
		Scenarios: []mortal{
			{Name: "timed out", Play: orderThat("OrderRejected.v1", refusing(contracts.AuthorizePayment{}, nil))},
		},
	})
}

type (
	mortal = crash.Scenario[*graveyard, *perishable]
	stage  = crash.Stage[*perishable]
	end    = func() (string, error)
)

// perishable is a process manager that may die at any moment.
type perishable struct {
	*messaging.Machine[*runner.Batch]
	pool *pgxpool.Pool
}

func (p *perishable) Close() { p.pool.Close() }

// graveyard is a world in which process managers die and come back.
type graveyard struct {
	*world
	theirs *testkit.DB
	log    *crash.Log
	tick   time.Duration // how often deadlines are looked at; 0: the default
}

// few partitions: they are not what is tried here.
const few = 2

func newGraveyard(t *testing.T, versions *saga.Set, tick time.Duration) *graveyard {
	t.Helper()
	w := &world{t: t, broker: testkit.Kafka(t), versions: versions, script: newScript()}
	w.broker.Topics(t, few, slices.Concat(contracts.Topics(), messaging.DeadLetterTopics(contracts.EventTopics()...), []string{messaging.InternalTopic("processmanager")})...)
	w.db = testkit.Postgres(t,
		testkit.Migration{Table: messaging.MigrationsTable, FS: messaging.Migrations},
		testkit.Migration{Table: migrations.Table, FS: migrations.FS})
	theirs := testkit.Postgres(t, testkit.Migration{Table: messaging.MigrationsTable, FS: messaging.Migrations})
	w.participants = machine(w, theirs.Pool, messaging.Handler[*messaging.Fence](w.script), messaging.Config{
		Service: "participants", Replica: "1", Workers: 1, Topics: commandTopics(), Partitions: few,
	})
	run(t, w.participants.Run)
	return &graveyard{w, theirs, crash.NewLog(t, w.broker, contracts.Topics()...), tick}
}

func commandTopics() []string {
	return []string{contracts.OrderCommands, contracts.PaymentCommands, contracts.WarehouseCommands}
}

// Start implements crash.World. It does what main does.
func (g *graveyard) Start(p *crash.Ports) (_ *perishable, err error) {
	pool, err := postgres.Open(p.Dead, g.db.URL, p.Database)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			pool.Close()
		}
	}()
	log, metrics := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	h, err := runner.New(runner.Deps{
		Versions: g.versions, Log: log, Metrics: metrics,
		Customer: func(data any) string { return data.(fulfilment.Order).CustomerID },
	}, runner.Config{
		LookEvery: 20 * time.Millisecond,
		Storm:     runner.StormLimit{Share: 1}, // every order here times out; that is no storm
	})
	if err != nil {
		return nil, err
	}
	if err := h.Prepare(p.Dead, pool); err != nil {
		return nil, err
	}
	m, err := messaging.New(messaging.Deps{
		Pool: pool, Codec: contracts.NewRegistry(), Log: log, Metrics: metrics, Tracer: noop.NewTracerProvider().Tracer(""),
		Kafka: func(opts ...kgo.Opt) (*kgo.Client, error) {
			return kafka.NewClient(g.broker.Config(), log, append(opts, p.Kafka()...)...)
		},
	}, messaging.Handler[*runner.Batch](h), messaging.Config{
		Service: "processmanager", Replica: "1", Workers: 1, Topics: contracts.EventTopics(), Partitions: few,
		TopicPrefix: g.broker.Prefix, TimerTick: g.tick,
	})
	if err != nil {
		return nil, err
	}
	return &perishable{m, pool}, nil
}

// Lapse implements crash.World.
func (g *graveyard) Lapse(ctx context.Context) error { return crash.Lapse(ctx, g.db.Pool) }

// tell submits what a participant has to say.
func (g *graveyard) tell(ctx context.Context, order uuid.UUID, body any) error {
	return g.participants.Submit(ctx, messaging.Message{Subject: order, Body: body})
}

// begin places an order with participants that do as the script says.
func (g *graveyard) begin(s *stage, script func(*script)) (uuid.UUID, error) {
	fresh := newScript()
	if script != nil {
		script(fresh)
	}
	g.script.mu.Lock()
	g.script.answers = fresh.answers
	g.script.mu.Unlock()
	order := uuid.Must(uuid.NewV7())
	eur := func(minor int64) contracts.Money { return contracts.Money{AmountMinor: minor, Currency: "EUR"} }
	return order, g.tell(s.Context(), order, emitted{event: contracts.OrderPlaced{
		OrderID: order, CustomerID: "alice", PaymentMethod: "pm_ok", ShipTo: "addr_home", Total: eur(3998),
		Lines: []contracts.PricedLine{{SKU: "SKU-0001", Quantity: 2, UnitPrice: eur(1999)}},
	}})
}

// ending waits for the last event of the order and for rest, and tells what is in the log and in the database.
func (g *graveyard) ending(s *stage, order uuid.UUID, last string) end {
	return func() (string, error) {
		err := s.Await(last, func() (bool, error) {
			if !g.log.Has(order.String(), last) {
				return false, nil
			}
			return g.log.AtRest(s.Context(), crash.Machine{Pool: g.db.Pool, Topics: contracts.EventTopics()},
				crash.Machine{Pool: g.theirs.Pool, Topics: commandTopics()})
		})
		if err != nil {
			return "", err
		}
		lines, err := g.log.Told(order.String())
		if err != nil {
			return "", err
		}
		books, err := g.books(s.Context(), order)
		return strings.Join(append(lines, books...), "\n"), err
	}
}

// books is what the process manager has written down: the instance, and the inputs that came from the log.
func (g *graveyard) books(ctx context.Context, order uuid.UUID) ([]string, error) {
	r, history, err := store.One(ctx, g.db.Pool, order)
	if err != nil {
		return nil, err
	}
	line := fmt.Sprintf("%s, failed %q because %q, stuck %q, cancelling %t, outstanding %v", r.State, r.Failed, r.Reason, r.Stuck, r.Cancelling, r.Outstanding)
	for _, step := range r.Steps {
		line += fmt.Sprintf(", %s %s", step.Step, step.Outcome)
	}
	lines := []string{line}
	for _, e := range history {
		if e.Topic != "" {
			lines = append(lines, fmt.Sprintf("%s: %s, %s to %s", e.Input, e.Note.Effect, e.Note.From, e.Note.To))
		}
	}
	var letters int
	if err := g.db.Pool.QueryRow(ctx, `SELECT count(*) FROM dead_letters WHERE subject = $1`, order).Scan(&letters); err != nil {
		return nil, err
	}
	if letters > 0 {
		lines = append(lines, fmt.Sprintf("%d dead letters", letters))
	}
	return lines, nil
}

// refusing makes a participant answer a command so; nil: not at all.
func refusing(command contracts.Message, answer func(uuid.UUID) any) func(*script) {
	return func(s *script) { s.on(command, answer) }
}

// orderThat plays an order that ends with an event.
func orderThat(last string, script func(*script)) func(*graveyard, *stage) (end, error) {
	return func(g *graveyard, s *stage) (end, error) {
		order, err := g.begin(s, script)
		return g.ending(s, order, last), err
	}
}

// cancel asks for it while a participant is at work, and waits until that is noted.
func (g *graveyard) cancel(s *stage, order uuid.UUID, operation string) error {
	err := s.Await("the participant's "+operation, func() (accepted bool, err error) {
		err = g.theirs.Pool.QueryRow(s.Context(), `SELECT EXISTS (SELECT FROM fence WHERE subject = $1 AND operation = $2)`, order, operation).Scan(&accepted)
		return accepted, err
	})
	if err != nil {
		return err
	}
	if err := g.tell(s.Context(), order, emitted{event: contracts.OrderCancellationRequested{OrderID: order}}); err != nil {
		return err
	}
	return s.Await("the cancellation is noted", func() (bool, error) {
		r, _, err := store.One(s.Context(), g.db.Pool, order)
		return err == nil && r.Cancelling, err
	})
}

func playCancelled(g *graveyard, s *stage) (end, error) {
	order, err := g.begin(s, refusing(contracts.CapturePayment{}, nil))
	if err != nil {
		return nil, err
	}
	if err := g.cancel(s, order, "capture"); err != nil {
		return nil, err
	}
	amount := contracts.Money{AmountMinor: 3998, Currency: "EUR"}
	return g.ending(s, order, "OrderCancelled.v1"),
		g.tell(s.Context(), order, outcome{operation: "capture", event: contracts.PaymentCaptured{OrderID: order, Amount: amount}})
}

func playCancelledTooLate(g *graveyard, s *stage) (end, error) {
	order, err := g.begin(s, refusing(contracts.DispatchOrder{}, nil))
	if err != nil {
		return nil, err
	}
	if err := g.cancel(s, order, "dispatch"); err != nil {
		return nil, err
	}
	return g.ending(s, order, "OrderCompleted.v1"),
		g.tell(s.Context(), order, outcome{operation: "dispatch", event: contracts.OrderDispatched{OrderID: order, ShipmentID: "shipment"}})
}

// A compensation fails for good; an operator waives it, and asks again until the process manager has said that it is so.
func playOwed(g *graveyard, s *stage) (end, error) {
	order, err := g.begin(s, func(x *script) {
		x.on(contracts.CapturePayment{}, func(o uuid.UUID) any {
			return contracts.PaymentCaptureRefused{OrderID: o, Reason: contracts.ReasonExpired}
		})
		x.on(contracts.VoidPayment{}, func(o uuid.UUID) any { return contracts.PaymentVoidFailed{OrderID: o, Detail: "gone"} })
	})
	if err != nil {
		return nil, err
	}
	err = s.Await("it is stuck", func() (bool, error) {
		r, _, err := store.One(s.Context(), g.db.Pool, order)
		if errors.Is(err, store.ErrNotFound) {
			return false, nil
		}
		return err == nil && r.Stuck != "" && r.Outstanding == nil, err
	})
	if err != nil {
		return nil, err
	}
	wish := &runner.Wish{
		Input: saga.Waive{Step: "authorize payment", Reason: "expires by itself"}, Operator: "olga", Reason: "expires by itself",
		Key: order.String(),
	}
	err = s.Try("the waiver", func(ctx context.Context, it *perishable) error { return runner.Ask(ctx, it, order, wish) })
	if err == nil && wish.Effect != saga.Applied {
		err = fmt.Errorf("the operator was told that the waiver is %s: %s", wish.Effect, wish.Text)
	}
	return g.ending(s, order, "OrderRejected.v1"), err
}
