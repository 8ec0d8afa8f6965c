package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/order/internal/viewstore"
)

// The live read model is the fold of the log, whatever comes twice, over two replicas, and after it read everything again.
func TestTheReadModelFollowsTheLog(t *testing.T) {
	t.Parallel()
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		m := newModel(t, b)
		m.say(150)
		m.start("1")
		m.start("2")
		m.say(150)
		m.caughtUp()
		m.right()
		began := time.Now()
		m.exec(`UPDATE positions SET next = 0, owner = ''`)
		testkit.Eventually(t, func() bool { return m.number(`SELECT count(*) FROM positions WHERE owner = ''`) == 0 }, "the workers take their positions again")
		m.say(20)
		m.caughtUp()
		m.right()
		testkit.Eventually(t, func() bool {
			var fresh int
			err := m.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM freshness WHERE as_of > $1`, began).Scan(&fresh)
			return err == nil && fresh == contracts.Partitions
		}, "it knows that it knows everything")
		m.silent()
	})
}

// A rebuild while events keep coming: equal at the cut, swapped, and nobody who reads ever finds nothing.
func TestARebuildUnderTraffic(t *testing.T) {
	t.Parallel()
	testkit.EachBroker(t, func(t *testing.T, b testkit.Broker) {
		m := newModel(t, b)
		m.start("1")
		known := m.say(300)
		m.caughtUp()
		reader, err := viewstore.NewReader(m.db.Open(t), slog.New(slog.NewTextHandler(t.Output(), nil)), prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		looks := 0
		all.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				id := known[i%len(known)]
				seen, answered := reader.Look(t.Context(), id)
				if s, ok := seen[id]; !answered || !ok || s.Customer != "alice" {
					t.Errorf("look %d: answered %t, seen %t", i, answered, ok)
					return
				}
				looks++
			}
		})
		all.Go(func() {
			for ctx.Err() == nil {
				m.say(5)
			}
		})
		for generation := int64(2); generation < 5; generation++ {
			out, err := m.rebuild(rebuildFlags{from: "kafka"})
			if err != nil || !strings.Contains(out, "equal to the live one") || !strings.Contains(out, " 0 unreadable") {
				t.Errorf("%v: %s", err, out)
			}
			if live := m.number(`SELECT generation FROM live`); live != generation {
				t.Errorf("generation %d is live, want %d", live, generation)
			}
		}
		stop()
		all.Wait()
		m.caughtUp()
		m.right()
		m.silent()
		if looks == 0 {
			t.Error("nobody looked")
		}
		if n := m.number(`SELECT count(*) FROM pg_inherits WHERE inhparent = 'order_view'::regclass`); n != 1 {
			t.Errorf("%d generations are left", n)
		}
	})
}

// Where the rebuilt one is not what the live one is, the live one stays, and nothing is left over; unless that is wanted.
func TestADifferentOneIsNotSwapped(t *testing.T) {
	t.Parallel()
	m := newModel(t, testkit.Kafka(t))
	m.start("1")
	wrong := m.say(30)[0]
	m.caughtUp()
	m.exec(`UPDATE order_view SET shipment_id = 'nobody knows' WHERE order_id = '` + wrong.String() + `'`)
	out, err := m.rebuild(rebuildFlags{from: "kafka"})
	if !errors.Is(err, viewstore.ErrDifferent) || !strings.Contains(out, "differs: "+wrong.String()) {
		t.Errorf("%v: %s", err, out)
	}
	if m.number(`SELECT generation FROM live`) != 1 || m.number(`SELECT count(*) FROM pg_inherits WHERE inhparent = 'order_view'::regclass`) != 1 {
		t.Error("it was swapped, or something is left over")
	}
	if _, err := m.rebuild(rebuildFlags{from: "kafka", accept: true}); err != nil {
		t.Error(err)
	}
	m.right()
}

// Dead letters stand in the way: the live one lacks what the log has. A letter that was discarded is skipped by a rebuild, too.
func TestDeadLettersStandInTheWay(t *testing.T) {
	t.Parallel()
	m := newModel(t, testkit.Kafka(t))
	if _, err := m.rebuild(rebuildFlags{from: "kafka"}); !errors.Is(err, viewstore.ErrNeverRead) {
		t.Error(err)
	}
	m.start("1")
	m.say(30)
	bad := m.record(life(uuid.Must(uuid.NewV7()), 0)[2][0])
	bad.Value = []byte("{")
	bad.Key = []byte("0199b1de-7c1e-7aaa-8bbb-0123456789ab") // an order that nobody placed
	for i := range bad.Headers {
		if bad.Headers[i].Key == "ce_subject" {
			bad.Headers[i].Value = bad.Key
		}
	}
	m.produce(bad)
	m.caughtUp()
	if _, err := m.rebuild(rebuildFlags{from: "kafka"}); !errors.Is(err, viewstore.ErrDeadLetters) {
		t.Error(err)
	}
	m.exec(`DELETE FROM dead_letters`)
	m.exec(`DELETE FROM dead_letter_heads`)
	if out, err := m.rebuild(rebuildFlags{from: "kafka"}); err != nil || !strings.Contains(out, " 1 unreadable") {
		t.Errorf("%v: %s", err, out)
	}
}

// What Kafka no longer holds it cannot be rebuilt from.
func TestALogWithoutItsBeginningIsRefused(t *testing.T) {
	t.Parallel()
	m := newModel(t, testkit.Kafka(t))
	m.start("1")
	m.say(30)
	m.caughtUp()
	m.forget(contracts.OrderEvents)
	if _, err := m.rebuild(rebuildFlags{from: "kafka"}); err == nil || !strings.Contains(err.Error(), "from the archive") {
		t.Error(err)
	}
	if m.number(`SELECT generation FROM live`) != 1 {
		t.Error("it was swapped")
	}
}

// What the archive holds is read there, the rest from Kafka.
func TestARebuildFromTheArchive(t *testing.T) {
	t.Parallel()
	m := newModel(t, testkit.Kafka(t))
	m.start("1")
	m.say(60)
	m.caughtUp()
	m.archive()
	m.forget(contracts.OrderEvents) // only the archive knows the beginning now
	m.say(60)
	m.caughtUp()
	out, err := m.rebuild(rebuildFlags{from: "archive"})
	if err != nil || !strings.Contains(out, "orders      120, equal to the live one") {
		t.Errorf("%v: %s", err, out)
	}
	m.right()
	m.silent()
}

// A rebuild that was killed leaves nothing in the way of the next; one that runs does.
func TestAKilledRebuildIsNotInTheWay(t *testing.T) {
	t.Parallel()
	m := newModel(t, testkit.Kafka(t))
	m.start("1")
	m.say(30)
	m.caughtUp()
	generations := &viewstore.Generations{Pool: m.db.Pool, Group: group}
	free, err := generations.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.rebuild(rebuildFlags{from: "kafka"}); !errors.Is(err, viewstore.ErrRunning) {
		t.Error(err)
	}
	if _, err := generations.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.exec(`CREATE TEMPORARY TABLE half AS SELECT * FROM order_view LIMIT 3; UPDATE half SET generation = 2; INSERT INTO order_view SELECT * FROM half; DROP TABLE half`)
	free()
	if _, err := m.rebuild(rebuildFlags{from: "kafka"}); err != nil {
		t.Error(err)
	}
	m.right()
	if n := m.number(`SELECT count(*) FROM pg_inherits WHERE inhparent = 'order_view'::regclass`); n != 1 {
		t.Errorf("%d generations are left", n)
	}
}
