package lives

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/scripts/internal/check"
	"ordersaga.internal/scripts/internal/check/read"
	"ordersaga.internal/scripts/internal/load"
	"ordersaga.internal/scripts/internal/stack"
)

// letter is a dead letter as its program's admin port tells it.
type letter struct {
	ID        int64   `json:"letter_id"`
	Reason    string  `json:"reason"`
	Class     *string `json:"class"`
	Type      *string `json:"type"`
	MessageID *string `json:"message_id"`
	TraceID   *string `json:"trace_id"`
	Tries     int     `json:"tries"`
}

// letters returns those of an order in its queue's order.
func (w world) letters(t *testing.T, service string, order uuid.UUID) (out []letter) {
	t.Helper()
	var page struct {
		Items []letter `json:"items"`
	}
	_, err := w.desk(t, service).Do(t.Context(), http.MethodGet, "/admin/v1/deadletters?limit=200&subject="+order.String(), "", nil, &page)
	require.NoError(t, err)
	for i := len(page.Items) - 1; i >= 0; i-- {
		out = append(out, page.Items[i])
	}
	return out
}

// desk is an operator at the admin port of a service.
func (w world) desk(t *testing.T, service string) *load.Client {
	t.Helper()
	token, err := w.Keys.Token("olga", "operator", time.Hour)
	require.NoError(t, err)
	return load.NewClient([]string{w.Program(t, service).AdminAddr}, token)
}

// redriven is the answer to a wish to redrive.
type redriven struct {
	Entry struct {
		Handled int `json:"handled"`
	} `json:"entry"`
	Left int `json:"left"`
}

func (w world) redrive(t *testing.T, service string, id int64) redriven {
	t.Helper()
	var done redriven
	_, err := w.desk(t, service).Do(t.Context(), http.MethodPost, fmt.Sprintf("/admin/v1/deadletters/%d/redrive", id), uuid.NewString(),
		map[string]string{"reason": "the fix runs"}, &done)
	require.NoError(t, err)
	return done
}

// again puts messages of an order into the log once more, byte for byte: a reader must bear that at any time.
func (w world) again(ctx context.Context, t *testing.T, cl *kgo.Client, order uuid.UUID, names ...string) {
	for _, name := range names {
		var found *kgo.Record
		for _, r := range w.Said(order) {
			if load.Name(r) == name {
				found = &kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: r.Key, Value: r.Value, Headers: r.Headers}
			}
		}
		if found == nil {
			t.Errorf("%s of %s was never sent", name, order)
			continue
		}
		if err := cl.ProduceSync(ctx, found).FirstErr(); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	}
}

// first is what an order's sources said, by first appearance: "order 1 OrderPlaced".
func (w world) first(order uuid.UUID) map[string]string {
	out := map[string]string{}
	for _, r := range w.Said(order) {
		place := load.Header(r, "ce_source") + " " + load.Header(r, "ce_sequence")
		if _, known := out[place]; !known {
			out[place] = load.Name(r)
		}
	}
	return out
}

func manual(t *testing.T, s *stack.Stack) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(s.Brokers, ",")...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	require.NoError(t, err)
	t.Cleanup(cl.Close)
	return cl
}

// Poison in the process manager, poison in a participant, garbage from a stranger: the order waits with all that comes
// later, others flow, and after the fix and a redrive all is as if nothing had been (scenarios 29 to 31 and 33).
func TestDeadLettersAreRedrivenInOrder(t *testing.T) {
	w := begin(t, 1)
	cl := manual(t, w.Stack)
	copies := make(chan *kgo.Record, 100)
	_, err := load.Tap(t.Context(), w.Brokers, messaging.DeadLetterTopics("payment.events", "warehouse.commands"), true, func(r *kgo.Record) { copies <- r })
	require.NoError(t, err)
	clean := w.Place(t, "pm_ok", "SKU-0020")
	w.Hears(t, clean, "OrderCompleted", 1)
	w.Fault(t, "capture", "slow", aWhile)
	cleanlyCancelled := w.Place(t, "pm_ok", "SKU-0021")
	w.Hears(t, cleanlyCancelled, "CapturePayment", 1) // after the authorization, as in the queue below
	require.NoError(t, w.Customer.Cancel(t.Context(), cleanlyCancelled))
	w.Hears(t, cleanlyCancelled, "OrderCancelled", 1)

	completed := w.poisonedManager(t, cl, copies, false)
	require.Equal(t, w.first(clean), w.first(completed))
	cancelled := w.poisonedManager(t, cl, copies, true)
	require.Equal(t, w.first(cleanlyCancelled), w.first(cancelled))
	w.poisonedWarehouse(t, copies)

	live, err := read.Open(t.Context(), w.Addresses())
	require.NoError(t, err)
	defer live.Close()
	task := read.Task{Wait: time.Minute, Tell: func(s string) { t.Log(s) }}
	task.Inputs.Goods, err = w.Addresses().Goods()
	require.NoError(t, err)
	for _, id := range w.Placed {
		task.Inputs.Accepted = append(task.Inputs.Accepted, check.ID(id))
	}
	verdict, _, err := live.Judge(t.Context(), task)
	require.NoError(t, err)
	require.Empty(t, verdict.Violations)
	require.Empty(t, verdict.Excused)
	require.Equal(t, map[string]int{"completed": 4, "cancelled": 2, "rejected": 1}, verdict.Outcomes)

	w.strangersGarbage(t, cl)
}

// poisonedManager lets the process manager fail on one order in the middle of its saga, as a program with a mistake would:
// the database refuses what it makes of it.
func (w world) poisonedManager(t *testing.T, cl *kgo.Client, copies chan *kgo.Record, cancels bool) uuid.UUID {
	t.Helper()
	w.Fault(t, "authorize", "slow", aWhile)
	order := w.Place(t, "pm_ok", "SKU-0020")
	w.Hears(t, order, "AuthorizePayment", 1)
	w.SQL(t, "processmanager", fmt.Sprintf(
		`ALTER TABLE instance ADD CONSTRAINT mistake CHECK (order_id <> '%s' OR transitions < 2) NOT VALID`, order))
	testkit.Eventually(t, func() bool { return len(w.letters(t, "processmanager", order)) == 1 }, "the answer is set aside")
	w.again(t.Context(), t, cl, order, "OrderPlaced", "StockReserved")
	if cancels {
		require.NoError(t, w.Customer.Cancel(t.Context(), order))
	}
	behind := 2
	if cancels {
		behind = 3
	}
	testkit.Eventually(t, func() bool { return len(w.letters(t, "processmanager", order)) == 1+behind }, "the order waits")
	letters := w.letters(t, "processmanager", order)
	require.Equal(t, "poison", letters[0].Reason)
	require.Equal(t, "SQLSTATE 23514", *letters[0].Class)
	require.Equal(t, "PaymentAuthorized.v1", *letters[0].Type)
	require.NotNil(t, letters[0].TraceID)
	for _, l := range letters[1:] {
		require.Equal(t, "behind", l.Reason)
	}
	copied := <-copies
	require.Equal(t, order.String(), string(copied.Key))
	require.Equal(t, "poison", load.Header(copied, "__dlq.errors.reason"))
	require.Equal(t, *letters[0].MessageID, load.Header(copied, "ce_id"))

	if !cancels { // others flow
		w.Hears(t, w.Place(t, "pm_ok", "SKU-0022"), "OrderCompleted", 1)
		w.Hears(t, w.Place(t, "pm_ok", "SKU-0022"), "OrderCompleted", 1)
	}
	require.Equal(t, 0, w.Heard(order, "CapturePayment")+w.Heard(order, "VoidPayment"))
	early := w.redrive(t, "processmanager", letters[0].ID)
	require.Equal(t, redriven{Left: 1 + behind}, early)

	w.SQL(t, "processmanager", `ALTER TABLE instance DROP CONSTRAINT mistake`)
	ctx, stop := context.WithCancel(t.Context())
	coming := make(chan struct{})
	go func() { // new messages keep coming
		defer close(coming)
		for ctx.Err() == nil {
			w.again(ctx, t, cl, order, "StockReserved", "PaymentAuthorized")
		}
	}()
	done := w.redrive(t, "processmanager", letters[0].ID)
	require.Equal(t, 0, done.Left)
	require.GreaterOrEqual(t, done.Entry.Handled, 1+behind)
	stop()
	<-coming
	w.Hears(t, order, map[bool]string{false: "OrderCompleted", true: "OrderCancelled"}[cancels], 1)
	require.Empty(t, w.letters(t, "processmanager", order))
	return order
}

// poisonedWarehouse: the warehouse cannot keep what one order asks for. The order is given up, and what undoes it closes the
// letter: nothing is held, and the late command never acts.
func (w world) poisonedWarehouse(t *testing.T, copies chan *kgo.Record) {
	t.Helper()
	w.SQL(t, "warehouse", `ALTER TABLE holds ADD CONSTRAINT mistake CHECK (lines::text NOT LIKE '%SKU-0099%') NOT VALID`)
	order := w.Place(t, "pm_ok", "SKU-0099")
	testkit.Eventually(t, func() bool { return len(w.letters(t, "warehouse", order)) == 1 }, "the command is set aside")
	set := w.letters(t, "warehouse", order)[0]
	require.Equal(t, "poison", set.Reason)
	require.Equal(t, "ReserveStock.v1", *set.Type)
	require.Equal(t, order.String(), string((<-copies).Key))
	w.Wish(t, order, "unwind", map[string]string{})
	w.Hears(t, order, "StockReleased", 1)
	w.Hears(t, order, "OrderRejected", 1)
	require.Empty(t, w.letters(t, "warehouse", order))
	w.SQL(t, "warehouse", `ALTER TABLE holds DROP CONSTRAINT mistake`)
	_, err := w.desk(t, "warehouse").Do(t.Context(), http.MethodPost, fmt.Sprintf("/admin/v1/deadletters/%d/redrive", set.ID), "",
		map[string]string{"reason": "too late"}, nil)
	var status *load.StatusError
	require.ErrorAs(t, err, &status)
	require.Equal(t, http.StatusNotFound, status.Status)
	require.Equal(t, 0, w.Heard(order, "StockReserved"))
}

// strangersGarbage: a record with an order's key that no program of ours wrote. It is discarded, and the order goes on.
func (w world) strangersGarbage(t *testing.T, cl *kgo.Client) {
	t.Helper()
	w.Fault(t, "capture", "slow", aWhile)
	order := w.Place(t, "pm_ok", "SKU-0023")
	w.Hears(t, order, "CapturePayment", 1)
	partition := w.Said(order)[0].Partition
	require.NoError(t, cl.ProduceSync(t.Context(), &kgo.Record{
		Topic: "payment.events", Partition: partition, Key: []byte(order.String()), Value: []byte("hello"),
	}).FirstErr())
	w.Hears(t, order, "PaymentCaptured", 1)
	testkit.Eventually(t, func() bool { return len(w.letters(t, "processmanager", order)) == 2 }, "the answer waits behind it")
	letters := w.letters(t, "processmanager", order)
	require.Equal(t, "unreadable", letters[0].Reason)
	_, err := w.desk(t, "processmanager").Do(t.Context(), http.MethodPost, fmt.Sprintf("/admin/v1/deadletters/%d/discard", letters[0].ID),
		uuid.NewString(), map[string]string{"reason": "nobody here wrote it"}, nil)
	require.NoError(t, err)
	require.Equal(t, 0, w.Heard(order, "DispatchOrder"))
	require.Equal(t, 0, w.redrive(t, "processmanager", letters[1].ID).Left)
	w.Hears(t, order, "OrderCompleted", 1)
}
