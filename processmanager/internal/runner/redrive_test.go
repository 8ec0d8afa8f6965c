package runner_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/processmanager/internal/store"
	"ordersaga.internal/processmanager/saga"
)

// What waits behind a dead letter is neither sent again nor given up, however long that takes. Redriven, or freed by a
// discard, its deadline starts anew (rule 7).
func TestFreedOrdersStartTheirDeadlinesAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, within(time.Minute))
	m := w.manager("1")
	w.script.on(contracts.AuthorizePayment{}, nil)
	redriven, discarded := w.place("alice"), w.place("bob")
	orders := []uuid.UUID{redriven, discarded}
	for _, order := range orders {
		testkit.Eventually(t, func() bool {
			r, _ := w.read(order)
			return r != nil && r.Outstanding != nil && r.Outstanding.Step == "authorize payment"
		}, "the authorisation is asked for")
	}
	w.exec(fmt.Sprintf(`ALTER TABLE instance ADD CONSTRAINT mistake CHECK (order_id NOT IN ('%s', '%s') OR step <> 'capture payment') NOT VALID`,
		redriven, discarded))
	for _, order := range orders {
		w.answer(order, "authorization", contracts.PaymentAuthorized{OrderID: order, Amount: contracts.Money{AmountMinor: 3998, Currency: "EUR"}})
		testkit.Eventually(t, func() bool { return w.letter(order) != 0 }, "the answer is set aside")
	}
	w.exec(`UPDATE instance SET resend_at = now() - interval '1 hour', deadline = now() - interval '1 hour' WHERE finished_at IS NULL`)
	before := make([]*store.Record, len(orders))
	for i, order := range orders {
		before[i], _ = w.read(order)
	}
	other := w.place("carol") // for whom the clock goes on
	testkit.Eventually(t, func() bool { return slices.Contains(w.script.commands(other), "AuthorizePayment.v1#4") }, "carol's command is sent again")
	for i, order := range orders {
		if r, _ := w.read(order); r.State != saga.Running || r.Outstanding.Attempt != before[i].Outstanding.Attempt {
			t.Errorf("behind a dead letter it is %s, and has attempt %d, which was %d", r.State, r.Outstanding.Attempt, before[i].Outstanding.Attempt)
		}
	}
	w.exec(`ALTER TABLE instance DROP CONSTRAINT mistake`)
	why := messaging.Wish{Operator: "olga", Reason: "the mistake is mended"}
	if _, err := m.Redrive(t.Context(), w.letter(redriven), why); err != nil {
		t.Fatal(err)
	}
	if _, err := m.DiscardLetter(t.Context(), w.letter(discarded), why); err != nil {
		t.Fatal(err)
	}
	// The one had its answer; the other's command is sent again, and answered again.
	for _, order := range orders {
		_, history := w.waitFor(order, saga.Completed)
		at := slices.IndexFunc(history, func(e store.Entry) bool { return e.Input == "saga.Redriven" })
		if at < 0 || history[at].Note.Effect != saga.Applied {
			t.Errorf("history %+v", history)
		}
	}
}

// letter is the id of an order's first dead letter, 0 where it has none.
func (w *world) letter(order uuid.UUID) int64 {
	w.t.Helper()
	return int64(w.count(`SELECT coalesce(min(id), 0) FROM dead_letters WHERE subject = $1`, order))
}

func (w *world) exec(sql string) {
	w.t.Helper()
	if _, err := w.db.Pool.Exec(w.t.Context(), sql); err != nil {
		w.t.Fatal(err)
	}
}
