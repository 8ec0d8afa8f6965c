//go:build crash

package participant_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"

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
	"ordersaga.internal/services/warehouse/internal/participant"
	"ordersaga.internal/services/warehouse/internal/stock"
)

// The warehouse dies at every point where it touches the world; see crash.
func TestCrashEverywhere(t *testing.T) {
	completes := story(5, 0, doing{reserveAll, "StockReserved.v1"}, doing{dispatchAll, "OrderDispatched.v1"})
	crash.Everywhere(t, crash.Config[*graveyard, *perishable]{World: newGraveyard, Scenarios: []mortal{
		{Name: "completes", Play: completes},
		{Name: "out of stock", Play: story(1, 0, doing{reserveAll, "StockReservationRefused.v1"})},
		{Name: "released", Play: story(5, 0, doing{reserveAll, "StockReserved.v1"}, doing{releaseAll, "StockReleased.v1"})},
		{Name: "damaged", Play: story(5, 4, doing{reserveAll, "StockReserved.v1"}, doing{dispatchAll, "DispatchRefused.v1"}, doing{releaseAll, "StockReleased.v1"})},
		{Name: "released before it came", Play: story(5, 0, doing{releaseAll, "StockReleased.v1"}, doing{reserveAll, "StockReservationRefused.v1"})},
		{Name: "whole life", Play: completes, Whole: true},
	}})
}

type (
	mortal = crash.Scenario[*graveyard, *perishable]
	stage  = crash.Stage[*perishable]
	end    = func() (string, error)
)

// perishable is a warehouse that may die at any moment.
type perishable struct {
	*messaging.Machine[*participant.Batch]
	pool *pgxpool.Pool
}

func (p *perishable) Close() { p.pool.Close() }

// graveyard is a world in which warehouses die and come back.
type graveyard struct {
	*floor
	log *crash.Log
}

func newGraveyard(t *testing.T) *graveyard {
	t.Helper()
	f := newFloor(t)
	return &graveyard{f, crash.NewLog(t, f.broker, contracts.WarehouseCommands, contracts.WarehouseEvents)}
}

// Start implements crash.World.
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
	handler, err := participant.New(g.codec, metrics)
	if err != nil {
		return nil, err
	}
	m, err := messaging.New(messaging.Deps{
		Pool: pool, Codec: g.codec, Log: log, Metrics: metrics, Tracer: noop.NewTracerProvider().Tracer(""),
		Kafka: func(opts ...kgo.Opt) (*kgo.Client, error) {
			return kafka.NewClient(g.broker.Config(), log, append(opts, p.Kafka()...)...)
		},
	}, handler, messaging.Config{
		Service: participant.Service, Topics: participant.Topics(), TopicPrefix: g.broker.Prefix, Replica: "1", Workers: 1,
	})
	if err != nil {
		return nil, err
	}
	return &perishable{m, pool}, nil
}

// Lapse implements crash.World.
func (g *graveyard) Lapse(ctx context.Context) error { return crash.Lapse(ctx, g.db.Pool) }

// doing is a command for an order of some of one SKU, and the answer to wait for before the next.
type doing struct {
	command func(order uuid.UUID, sku string) command
	answer  string
}

func reserveAll(order uuid.UUID, sku string) command  { return reserve(order, goods(sku, 3)) }
func dispatchAll(order uuid.UUID, sku string) command { return dispatch(order, goods(sku, 3)) }
func releaseAll(order uuid.UUID, _ string) command    { return release(order) }

// story receives some units, damages some, and then sends commands for an order of three, one after the other.
func story(received, damaged int64, what ...doing) func(*graveyard, *stage) (end, error) {
	return func(g *graveyard, s *stage) (end, error) {
		order, sku := uuid.New(), uuid.NewString()
		if err := g.operate(s, stock.Receipt, sku, received); err != nil {
			return nil, err
		}
		if damaged > 0 {
			if err := g.operate(s, stock.Damage, sku, damaged); err != nil {
				return nil, err
			}
		}
		for _, d := range what {
			g.send(d.command(order, sku))
			if err := s.Await(d.answer, func() (bool, error) { return g.log.Has(order.String(), d.answer), nil }); err != nil {
				return nil, err
			}
		}
		return g.ending(s, order, sku), nil
	}
}

// operate tells the warehouse of a change, again and again with the same key, until it answers.
func (g *graveyard) operate(s *stage, kind stock.Kind, sku string, quantity int64) error {
	c := stock.Change{Operator: "olga", Key: uuid.NewString(), Kind: kind, SKU: sku, Quantity: quantity}
	return s.Try("the operator's change", func(ctx context.Context, it *perishable) error {
		return it.Submit(ctx, (&participant.Change{Change: c}).Input())
	})
}

// ending waits for rest, and tells what is in the log and in the database.
func (g *graveyard) ending(s *stage, order uuid.UUID, sku string) end {
	return func() (string, error) {
		err := s.Await("rest", func() (bool, error) {
			return g.log.AtRest(s.Context(), crash.Machine{Pool: g.db.Pool, Topics: participant.Topics()})
		})
		if err != nil {
			return "", err
		}
		lines, err := g.log.Told(order.String())
		if err != nil {
			return "", err
		}
		const books = `
SELECT 'stock ' || concat_ws(' ', received, on_hand, reserved, dispatched, written_off, damaged) FROM stock WHERE sku = $1
UNION ALL SELECT 'change ' || kind || ' ' || quantity FROM changes WHERE sku = $1
UNION ALL SELECT 'hold ' || state FROM holds WHERE order_id = $2
UNION ALL SELECT 'fence ' || operation || ' ' || undo || ' ' || state FROM fence WHERE subject = $2
UNION ALL SELECT 'dead letter ' || reason || ' ' || type FROM dead_letters WHERE subject = $2
ORDER BY 1`
		rows, err := g.db.Pool.Query(s.Context(), books, sku, order)
		if err != nil {
			return "", err
		}
		kept, err := pgx.CollectRows(rows, pgx.RowTo[string])
		return strings.Join(append(lines, kept...), "\n"), err
	}
}
