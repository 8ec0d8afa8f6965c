package runner_test

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/processmanager/internal/fulfilment"
	"ordersaga.internal/processmanager/internal/runner"
	"ordersaga.internal/processmanager/internal/store"
	"ordersaga.internal/processmanager/saga"
)

// second is version 2: it captures nothing, and otherwise does what version 1 does.
func second() *saga.Definition[fulfilment.Order] {
	d := *fulfilment.V1
	d.Version = 2
	d.Steps = slices.Delete(slices.Clone(d.Steps), 2, 3)
	return saga.Define(d)
}

// Scenario 44: version 2 is deployed while orders are under way. They end as they began, one forward, one undone; those
// placed since go the new way; both at once, in the same partitions and batches.
func TestVersionsInFlightSideBySide(t *testing.T) {
	t.Parallel()
	w := newWorld(t, saga.NewSet(fulfilment.V1))
	w.script.on(contracts.AuthorizePayment{}, nil)
	first := w.manager("1")
	forward, undone := w.place("alice"), w.place("bob")
	asked := func(order uuid.UUID) {
		t.Helper()
		testkit.Eventually(t, func() bool { return len(w.script.commands(order)) == 2 }, "the authorisation is asked for")
	}
	asked(forward)
	asked(undone)
	first.stop()

	w.versions = saga.NewSet(fulfilment.V1, second())
	w.manager("1")
	fresh, refused := w.place("carol"), w.place("dora")
	asked(fresh)
	asked(refused)
	for order, answer := range map[uuid.UUID]any{
		forward: contracts.PaymentAuthorized{OrderID: forward},
		fresh:   contracts.PaymentAuthorized{OrderID: fresh},
		undone:  contracts.PaymentDeclined{OrderID: undone, Reason: contracts.ReasonDeclined},
		refused: contracts.PaymentDeclined{OrderID: refused, Reason: contracts.ReasonDeclined},
	} {
		w.answer(order, "authorization", answer)
	}
	for _, c := range []struct {
		order   uuid.UUID
		version int
		state   saga.State
		sent    string
	}{
		{forward, 1, saga.Completed, "ReserveStock AuthorizePayment CapturePayment DispatchOrder CompleteOrder"},
		{fresh, 2, saga.Completed, "ReserveStock AuthorizePayment DispatchOrder CompleteOrder"},
		{undone, 1, saga.Rejected, "ReserveStock AuthorizePayment ReleaseStock RejectOrder"},
		{refused, 2, saga.Rejected, "ReserveStock AuthorizePayment ReleaseStock RejectOrder"},
	} {
		r, _ := w.waitFor(c.order, c.state)
		sent := strings.ReplaceAll(strings.Join(w.script.commands(c.order), " "), ".v1#1", "")
		if r.Version != c.version || sent != c.sent {
			t.Errorf("version %d sent %s; want version %d, %s", r.Version, sent, c.version, c.sent)
		}
	}
}

// A release without a version that orders are under way with does not start: it would make a dead letter of each of their
// messages. Once they have ended, it does.
func TestMissingVersionIsRefusedAtStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, saga.NewSet(fulfilment.V1))
	w.script.on(contracts.AuthorizePayment{}, nil)
	m := w.manager("1")
	order := w.place("alice")
	testkit.Eventually(t, func() bool { return len(w.script.commands(order)) == 2 }, "the authorisation is asked for")
	prepare := func() error {
		h, err := runner.New(runner.Deps{
			Versions: saga.NewSet(second()), Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
			Customer: func(any) string { return "" },
		}, runner.Config{})
		if err != nil {
			t.Fatal(err)
		}
		return h.Prepare(t.Context(), w.db.Pool)
	}
	err := prepare()
	if !errors.Is(err, runner.ErrVersionMissing) || !strings.Contains(err.Error(), "1 instances are in flight under fulfilment v1: register it again") {
		t.Errorf("it starts: %v", err)
	}
	w.answer(order, "authorization", contracts.PaymentDeclined{OrderID: order, Reason: contracts.ReasonDeclined})
	w.waitFor(order, saga.Rejected)
	m.stop()
	if err := prepare(); err != nil {
		t.Errorf("it does not start though nothing is in flight: %v", err)
	}
	if counts, err := store.InFlight(t.Context(), w.db.Pool); err != nil || len(counts) != 0 {
		t.Errorf("in flight: %v, %v", counts, err)
	}
}
