//go:build crash

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

// The machine and its relay die at every point where they touch the world; see crash.
func TestCrashEverywhere(t *testing.T) {
	crash.Everywhere(t, crash.Config[*graveyard, *perishable]{World: newGraveyard, Scenarios: []mortal{
		{Name: "messages", Play: playMessages},
		{Name: "fence", Play: playFence},
		{Name: "submits", Play: playSubmits},
		{Name: "deadline", Play: playDeadline},
		{Name: "dead letters", Play: playDeadLetters},
		{Name: "operators", Play: playOperators},
		{Name: "idle", Play: playIdle, Most: 1},
		{Name: "whole life", Play: playMessages, Whole: true},
	}})
}

type (
	mortal = crash.Scenario[*graveyard, *perishable]
	stage  = crash.Stage[*perishable]
	end    = func() (string, error)
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
	t.Helper()
	w := newWorld(t, testkit.Kafka(t))
	return &graveyard{w, crash.NewLog(t, w.broker, commandsTopic, eventsTopic)}
}

// Start implements crash.World.
func (g *graveyard) Start(p *crash.Ports) (*perishable, error) {
	pool, err := postgres.Open(p.Dead, g.db.URL, p.Database)
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.DiscardHandler)
	m, err := messaging.New(messaging.Deps{
		Pool: pool, Codec: codec{}, Log: log, Metrics: prometheus.NewRegistry(), Tracer: noop.NewTracerProvider().Tracer(""),
		Kafka: func(opts ...kgo.Opt) (*kgo.Client, error) {
			return kafka.NewClient(g.broker.Config(), log, append(opts, p.Kafka()...)...)
		},
	}, messaging.Handler[*accounts](newHandler()), messaging.Config{
		Service: "account", Topics: []string{commandsTopic}, TopicPrefix: g.broker.Prefix, Partitions: partitions,
		Replica: "1", Workers: 1, TimerTick: 50 * time.Millisecond,
	})
	if err != nil {
		pool.Close()
		return nil, err
	}
	return &perishable{m, pool}, nil
}

// Lapse implements crash.World.
func (g *graveyard) Lapse(ctx context.Context) error { return crash.Lapse(ctx, g.db.Pool) }

func (g *graveyard) put(ctx context.Context, messages ...messaging.Message) error {
	records := make([]*kgo.Record, len(messages))
	for i, m := range messages {
		records[i] = g.record(m)
	}
	return g.client.ProduceSync(ctx, records...).FirstErr()
}

// ending waits for so many answers of a type for each of the subjects, and for rest, and tells what is in the log and in the
// database.
func (g *graveyard) ending(s *stage, answer string, each int, subjects ...uuid.UUID) end {
	return func() (string, error) {
		answered := g.answered(answer, each, subjects)
		err := s.Await("the answers", func() (bool, error) {
			if ok, err := answered(); !ok {
				return false, err
			}
			return g.log.AtRest(s.Context(), crash.Machine{Pool: g.db.Pool, Topics: []string{commandsTopic}})
		})
		if err != nil {
			return "", err
		}
		return g.told(s.Context(), subjects)
	}
}

// answered tells whether each of the subjects has so many answers of a type.
func (g *graveyard) answered(answer string, each int, subjects []uuid.UUID) func() (bool, error) {
	return func() (bool, error) {
		for _, subject := range subjects {
			if g.log.Count(subject.String(), answer) < each {
				return false, nil
			}
		}
		return true, nil
	}
}

func (g *graveyard) told(ctx context.Context, subjects []uuid.UUID) (string, error) {
	keys := make([]string, len(subjects))
	for i, subject := range subjects {
		keys[i] = subject.String()
	}
	lines, err := g.log.Told(keys...)
	if err != nil {
		return "", err
	}
	for i, subject := range subjects {
		var history, fence, letters string
		err := g.db.Pool.QueryRow(ctx, `SELECT coalesce((SELECT history FROM account WHERE subject = $1), ''),
	coalesce((SELECT string_agg(operation || ' ' || undo || ' ' || state, ', ' ORDER BY operation, undo) FROM fence WHERE subject = $1), ''),
	coalesce((SELECT string_agg(reason || ' ' || type, ', ' ORDER BY id) FROM dead_letters WHERE subject = $1), '')`, subject).Scan(&history, &fence, &letters)
		if err != nil {
			return "", err
		}
		// Where this machine stood still for seconds, deadlines were moved: that is no difference.
		history = strings.ReplaceAll(history, " deferred", "")
		lines = append(lines, fmt.Sprintf("%c: account %q, fence %q, dead letters %q", 'A'+i, history, fence, letters))
	}
	return strings.Join(lines, "\n"), nil
}

// Messages of several keys come in two waves: the second finds what the first left.
func playMessages(g *graveyard, s *stage) (end, error) {
	subjects := append(spread(1), together(2)...)
	sequence := int64(0)
	wave := func(texts ...string) error {
		var all []messaging.Message
		for _, text := range texts {
			sequence++
			for _, subject := range subjects {
				all = append(all, messaging.Message{Subject: subject, Sequence: sequence, Body: add{Text: text}})
			}
		}
		return g.put(s.Context(), all...)
	}
	if err := wave("a", "b"); err != nil {
		return nil, err
	}
	if err := s.Await("the first wave", g.answered("added.v1", 2, subjects)); err != nil {
		return nil, err
	}
	return g.ending(s, "added.v1", 3, subjects...), wave("c")
}

// A command, its compensation, and repeats of both.
func playFence(g *graveyard, s *stage) (end, error) {
	subject := uuid.New()
	do := messaging.Message{ID: uuid.New(), Subject: subject, Sequence: 1, Body: open{}}
	reverse := messaging.Message{ID: uuid.New(), Subject: subject, Sequence: 2, Body: undo{}}
	return g.ending(s, "undone.v1", 1, subject), g.put(s.Context(), do, do, reverse, do, reverse)
}

// What is submitted is submitted again until an incarnation says that it is committed.
func playSubmits(g *graveyard, s *stage) (end, error) {
	subjects := spread(2)
	done := make(chan error, len(subjects))
	for _, subject := range subjects {
		in := messaging.Message{ID: uuid.New(), Subject: subject, Body: add{Text: "a"}}
		go func() {
			done <- s.Try("the submission", func(ctx context.Context, it *perishable) error { return it.Submit(ctx, in) })
		}()
	}
	for range subjects {
		if err := <-done; err != nil {
			return nil, err
		}
	}
	return g.ending(s, "added.v1", 1, subjects...), nil
}

func playDeadline(g *graveyard, s *stage) (end, error) {
	subject := uuid.New()
	return g.ending(s, "expired.v1", 1, subject),
		g.put(s.Context(), messaging.Message{Subject: subject, Sequence: 1, Body: arm{In: 150 * time.Millisecond}})
}

// One key waits with all that comes after its dead letter, one is freed by a compensation, their neighbour goes on.
func playDeadLetters(g *graveyard, s *stage) (end, error) {
	keys := together(3)
	poisoned, freed, neighbour := keys[0], keys[1], keys[2]
	poison := g.record(messaging.Message{Subject: freed, Sequence: 1, Body: open{}})
	poison.Value = []byte(`{"unreadable`)
	if err := g.client.ProduceSync(s.Context(), poison).FirstErr(); err != nil {
		return nil, err
	}
	err := g.put(s.Context(),
		messaging.Message{Subject: poisoned, Sequence: 1, Body: add{Trouble: "undecidable"}},
		messaging.Message{Subject: poisoned, Sequence: 2, Body: add{Text: "behind"}},
		messaging.Message{Subject: neighbour, Sequence: 1, Body: add{Text: "a"}},
		messaging.Message{Subject: freed, Sequence: 2, Body: undo{}},
		messaging.Message{Subject: poisoned, Sequence: 3, Body: add{Text: "behind"}},
	)
	ending := g.ending(s, "added.v1", 1, neighbour)
	return func() (string, error) {
		if _, err := ending(); err != nil {
			return "", err
		}
		return g.told(s.Context(), keys)
	}, err
}

// Nothing happens for a while, but for what happens all the time.
func playIdle(g *graveyard, s *stage) (end, error) {
	begun, subject := time.Now(), uuid.New()
	ending := g.ending(s, "added.v1", 1, subject)
	return func() (string, error) {
		if err := s.Await("time to pass", func() (bool, error) { return time.Since(begun) > 2200*time.Millisecond, nil }); err != nil {
			return "", err
		}
		return ending()
	}, g.put(s.Context(), messaging.Message{Subject: subject, Sequence: 1, Body: add{Text: "a"}})
}
