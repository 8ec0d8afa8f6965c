package service

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/payment/internal/payments"
)

// gate is a provider whose dos never return, before or after the real one was asked, until their caller dies.
type gate struct {
	payments.Provider

	after bool
	mu    sync.Mutex
	asked []string
}

func (g *gate) Do(ctx context.Context, c payments.Call) (payments.Result, error) {
	if g.after {
		if r, err := g.Provider.Do(ctx, c); err != nil {
			return r, err
		}
	}
	g.mu.Lock()
	g.asked = append(g.asked, c.Key)
	g.mu.Unlock()
	<-ctx.Done()
	return payments.Result{}, ctx.Err()
}

func (g *gate) Get(context.Context, payments.Call) (payments.Result, error) {
	return payments.Result{Outcome: payments.Nothing}, nil
}

func (g *gate) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.asked)
}

// Killed between an intent and its call, or between the call and its answer's commit, at each of the four operations: the
// same or another replica goes on with the same key, and the money moves once (scenarios 11 and 19).
func TestKilled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		after bool
		next  string
	}{
		"before the call":                  {after: false, next: "1"},
		"after the call":                   {after: true, next: "1"},
		"another replica, before the call": {after: false, next: "2"},
		"another replica, after the call":  {after: true, next: "2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			taken, held := newOrder("pm_ok"), newOrder("pm_ok")
			end := w.crash(c.next, w.client)
			w.authorize(held, 1)
			w.expect(held, authorized(held))
			end()
			for _, step := range []struct {
				send    func(*order, int)
				order   *order
				key     string
				answers []any
			}{
				{w.authorize, taken, taken.authorize.String(), []any{authorized(taken)}},
				{w.capture, taken, taken.capture.String(), []any{authorized(taken), captured(taken)}},
				{w.refund, taken, taken.r.String() + "-0", []any{authorized(taken), captured(taken), refunded(taken, total)}},
				{w.void, held, held.v.String() + "-0", []any{authorized(held), voided(held, total)}},
			} {
				stuck := &gate{Provider: w.client, after: c.after}
				kill := w.crash("1", stuck)
				step.send(step.order, 1)
				testkit.Eventually(t, func() bool { return stuck.count() > 0 }, "the call")
				kill()
				end := w.crash(c.next, w.client)
				w.expect(step.order, step.answers...)
				end()
				entries := w.provider.Ledger(t, step.order.id.String())
				if last := entries[len(entries)-1].Key; last != step.key || stuck.asked[0] != step.key {
					t.Errorf("keys %v and %s, want %s", stuck.asked, last, step.key)
				}
			}
			w.effects(taken, map[string]int64{"authorize": total, "capture": total, "refund": total})
			w.effects(held, map[string]int64{"authorize": total, "void": total})
		})
	}
}

// A gentle end gives what is in flight to others at once.
func TestStopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stuck := &gate{Provider: w.client}
	_, stop := w.run(stuck)
	o := newOrder("pm_ok")
	w.authorize(o, 1)
	testkit.Eventually(t, func() bool { return stuck.count() > 0 }, "the call")
	stop()
	var holders int
	err := w.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM operation WHERE leased_by <> ''`).Scan(&holders)
	if err != nil || holders != 0 {
		t.Errorf("%d operations are still leased, %v", holders, err)
	}
	w.crash("2", w.client)
	w.expect(o, authorized(o))
}

// The provider is down for a while: the breaker opens, nothing is lost.
func TestProviderDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(w.client)
	w.provider.Kill()
	orders := make([]*order, 60)
	for i := range orders {
		orders[i] = newOrder("pm_ok")
		w.authorize(orders[i], 1)
	}
	testkit.Eventually(t, func() bool {
		var waiting int
		err := w.db.Pool.QueryRow(t.Context(), `SELECT count(*) FROM operation WHERE leased_by = ''`).Scan(&waiting)
		return err == nil && waiting > 30
	}, "operations that wait")
	testkit.Eventually(t, func() bool {
		return w.measured(`payment_provider_breaker_state`) == 2
	}, "an open breaker")
	w.provider.Restart(t)
	for _, o := range orders {
		w.expect(o, authorized(o))
		w.effects(o, map[string]int64{"authorize": total})
	}
}

// What does not fit into memory waits in the database, but not for its lease to end.
func TestMoreThanFits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.capacity, w.lease = 5, time.Hour
	w.run(w.client)
	orders := make([]*order, 60)
	for i := range orders {
		orders[i] = newOrder("pm_ok")
		w.authorize(orders[i], 1)
	}
	for _, o := range orders {
		w.expect(o, authorized(o))
		w.effects(o, map[string]int64{"authorize": total})
	}
}

// The answer to the COMMIT of an intent is lost: the call does not wait for the lease to end (scenario 39).
func TestTheAnswerToAnIntentsCommitIsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.lease = time.Hour
	var lost atomic.Bool
	w.dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		return &forgetful{Conn: conn, lost: &lost}, err
	}
	w.run(w.client)
	o := newOrder("pm_ok")
	w.authorize(o, 1)
	w.expect(o, authorized(o))
	w.effects(o, map[string]int64{"authorize": total})
	if !lost.Load() {
		t.Error("no answer was lost")
	}
}

// forgetful loses the answer to the first batch of statements that stores an intent: COMMIT is its last.
type forgetful struct {
	net.Conn

	lost *atomic.Bool
	mute atomic.Bool
}

func (f *forgetful) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("intended")) && f.lost.CompareAndSwap(false, true) {
		f.mute.Store(true)
	}
	return f.Conn.Write(b)
}

// Read breaks the connection where it would tell of the COMMIT.
func (f *forgetful) Read(b []byte) (int, error) {
	n, err := f.Conn.Read(b)
	if f.mute.Load() && bytes.Contains(b[:n], []byte("COMMIT\x00")) {
		return 0, errors.Join(io.ErrUnexpectedEOF, f.Conn.Close())
	}
	return n, err
}

// Many orders at once, two replicas: every one is charged once.
func TestManyOrders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.crash("1", w.client)
	w.crash("2", w.client)
	orders := make([]*order, 200)
	for i := range orders {
		orders[i] = newOrder("pm_ok")
		w.authorize(orders[i], 1)
	}
	for _, o := range orders {
		w.expect(o, authorized(o))
		w.capture(o, 1)
	}
	ledger := map[string]int{}
	for _, o := range orders {
		w.expect(o, authorized(o), captured(o))
	}
	for _, e := range w.provider.Ledger(t, "") {
		ledger[e.Operation+" "+e.Reference]++
	}
	if len(ledger) != 2*len(orders) {
		t.Errorf("%d entries of %d orders", len(ledger), len(orders))
	}
	for what, n := range ledger {
		if n != 1 {
			t.Errorf("%s: %d times", what, n)
		}
	}
}

// Rewound to the beginning, payment says nothing new and calls nobody (I10).
func TestRewound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, stop := w.run(w.client)
	o := newOrder("pm_ok")
	w.authorize(o, 1)
	w.expect(o, authorized(o))
	w.void(o, 1)
	w.expect(o, authorized(o), voided(o, total))
	stop()
	if _, err := w.db.Pool.Exec(t.Context(), `UPDATE positions SET next = 0, owner = ''`); err != nil {
		t.Fatal(err)
	}
	nobody := &gate{Provider: w.client}
	w.crash("1", nobody)
	w.quiet(o, authorized(o), voided(o, total))
	if n := nobody.count(); n != 0 {
		t.Errorf("the provider was called %d times", n)
	}
}
