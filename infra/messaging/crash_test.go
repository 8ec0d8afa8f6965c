package messaging_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace/noop"

	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/postgres"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/infra/testkit/crash"
)

// perishable is a machine that may die at any moment.
type perishable struct {
	*messaging.Machine[*accounts]
	pool *pgxpool.Pool
}

func (p *perishable) Close() { p.pool.Close() }

// graveyard is a world in which machines die and come back.
type graveyard struct {
	*world
	log *crash.Log
}

func newGraveyard(t *testing.T) *graveyard {
	w := newWorld(t, testkit.Kafka(t))
	return &graveyard{w, crash.NewLog(t, w.broker, commandsTopic, eventsTopic)}
}

func (g *graveyard) Start(p *crash.Ports) (*perishable, error) {
	pool, err := postgres.Open(p.Dead, g.db.URL, p.Database)
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.DiscardHandler)
	m, err := messaging.New(messaging.Deps{
		Pool: pool, Codec: codec{}, Log: log, Metrics: prometheus.NewRegistry(), Tracer: noop.NewTracerProvider().Tracer(""),
		Kafka: func(opts ...kgo.Opt) (*kgo.Client, error) {
			return kafka.NewClient(g.broker.Config(), log, append(opts, p.Kafka())...)
		},
	}, messaging.Handler[*accounts](newHandler()), messaging.Config{
		Service: "account", Topics: []string{commandsTopic}, TopicPrefix: g.broker.Prefix, Partitions: partitions,
		Replica: "1", Workers: 1, TimerTick: 20 * time.Millisecond,
	})
	if err != nil {
		pool.Close()
		return nil, err
	}
	return &perishable{m, pool}, nil
}

func (g *graveyard) Lapse(ctx context.Context) error { return crash.Lapse(ctx, g.db.Pool) }

// told is what an undisturbed end and every other must have in common.
func (g *graveyard) told(s *crash.Stage[*perishable], subjects []uuid.UUID, done func() bool) (string, error) {
	err := s.Await("the last answer", func() (bool, error) { return done(), nil })
	if err != nil {
		return "", err
	}
	err = s.Await("the machine is at rest", func() (bool, error) {
		return g.log.AtRest(s.Context(), crash.Machine{Pool: g.db.Pool, Topics: []string{commandsTopic}})
	})
	if err != nil {
		return "", err
	}
	keys := make([]string, len(subjects))
	for i, subject := range subjects {
		keys[i] = subject.String()
	}
	lines, err := g.log.Told(keys...)
	if err != nil {
		return "", err
	}
	for i, subject := range subjects {
		var history string
		if err := g.db.Pool.QueryRow(s.Context(), `SELECT coalesce((SELECT history FROM account WHERE subject = $1), '') || ' ' ||
			(SELECT count(*) FROM fence WHERE subject = $1) || ' ' || (SELECT count(*) FROM dead_letters WHERE subject = $1)`, subject).Scan(&history); err != nil {
			return "", err
		}
		lines = append(lines, fmt.Sprintf("account %d: %s", i, history))
	}
	return strings.Join(lines, "\n"), nil
}

func (g *graveyard) produceAll(ctx context.Context, messages ...messaging.Message) error {
	records := make([]*kgo.Record, len(messages))
	for i, m := range messages {
		records[i] = g.record(m)
	}
	return g.client.ProduceSync(ctx, records...).FirstErr()
}

// The machine and its relay die everywhere.
func TestCrashEverywhere(t *testing.T) {
	messages := func(g *graveyard, s *crash.Stage[*perishable]) (func() (string, error), error) {
		subjects := append(spread(1), together(2)...)
		var all []messaging.Message
		for n := range 3 {
			for _, subject := range subjects {
				all = append(all, messaging.Message{Subject: subject, Sequence: int64(n + 1), Body: add{Text: fmt.Sprint(n)}})
			}
		}
		if err := g.produceAll(s.Context(), all...); err != nil {
			return nil, err
		}
		return func() (string, error) {
			return g.told(s, subjects, func() bool {
				n := 0
				for _, subject := range subjects {
					n += g.log.Count(subject.String(), "added.v1")
				}
				return n >= 9
			})
		}, nil
	}
	crash.Everywhere(t, crash.Config[*graveyard, *perishable]{
		World: newGraveyard,
		Scenarios: []crash.Scenario[*graveyard, *perishable]{
			{Name: "messages", Play: messages},
			{Name: "whole life", Whole: true, Play: messages},
		},
	})
}
