package service

import (
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/payment/internal/payments"
	"ordersaga.internal/services/payment/internal/sandboxtest"
)

// order is what a process manager sends for one order: the same command ids each time.
type order struct {
	id                       uuid.UUID
	authorize, capture, v, r uuid.UUID
	method                   string
	sequence                 int
}

func newOrder(method string) *order {
	id := uuid.Must(uuid.NewV7())
	command := func(name string) uuid.UUID { return uuid.NewSHA1(id, []byte(name)) }
	return &order{
		id: id, method: method,
		authorize: command("authorize"), capture: command("capture"), v: command("void"), r: command("refund"),
	}
}

const total = 1999

var price = contracts.Money{AmountMinor: total, Currency: "EUR"}

func (w *world) authorize(o *order, attempt int) {
	w.Helper()
	w.send(o, o.authorize, attempt, contracts.AuthorizePayment{
		OrderID: o.id, CustomerID: "cus_1", Amount: price, PaymentMethod: o.method,
	})
}

func (w *world) capture(o *order, attempt int) {
	w.Helper()
	w.send(o, o.capture, attempt, contracts.CapturePayment{OrderID: o.id, Amount: price})
}

func (w *world) void(o *order, attempt int) {
	w.Helper()
	w.send(o, o.v, attempt, contracts.VoidPayment{OrderID: o.id})
}

func (w *world) refund(o *order, attempt int) {
	w.Helper()
	w.send(o, o.r, attempt, contracts.RefundPayment{OrderID: o.id})
}

func (w *world) send(o *order, id uuid.UUID, attempt int, body any) {
	w.Helper()
	o.sequence++
	kind, topic, data, err := contracts.NewRegistry().Encode(body)
	if err != nil {
		w.Fatal(err)
	}
	subject := o.id.String()
	headers := []string{
		"ce_specversion", "1.0", "ce_id", id.String(), "ce_source", "/services/processmanager", "ce_type", kind,
		"ce_subject", subject, "ce_time", time.Now().UTC().Format(time.RFC3339Nano), "ce_sequence", pad(o.sequence),
		"ce_correlationid", subject, "ce_attempt", strconv.Itoa(attempt), "content-type", "application/json",
		"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
	}
	r := &kgo.Record{
		Topic: w.broker.Prefix + topic, Key: []byte(subject), Value: data, Partition: kafka.Partition([]byte(subject), partitions),
	}
	for i := 0; i < len(headers); i += 2 {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: headers[i], Value: []byte(headers[i+1])})
	}
	if err := w.producer.ProduceSync(w.Context(), r).FirstErr(); err != nil {
		w.Fatal(err)
	}
}

func pad(n int) string {
	s := strconv.Itoa(n)
	return "00000000000000000000"[:20-len(s)] + s
}

// expect waits until the order's events are these bodies.
func (w *world) expect(o *order, bodies ...any) {
	w.Helper()
	testkit.Eventually(w, func() bool { return len(w.of(o.id)) >= len(bodies) }, "events of "+o.method)
	got := w.of(o.id)
	for i, want := range bodies {
		if got[i].body != want {
			w.Fatalf("event %d is %+v, want %+v", i, got[i].body, want)
		}
	}
	if len(got) > len(bodies) {
		w.Fatalf("one event too many: %+v", got[len(bodies)].body)
	}
}

// quiet waits until everything that was sent has been dealt with, and expects these bodies and no more.
func (w *world) quiet(o *order, bodies ...any) {
	w.Helper()
	last := newOrder("pm_ok") // on the order's partition, behind everything sent before; it calls nobody
	for kafka.Partition([]byte(last.id.String()), partitions) != kafka.Partition([]byte(o.id.String()), partitions) {
		last = newOrder("pm_ok")
	}
	w.void(last, 1)
	w.expect(last, contracts.PaymentVoided{OrderID: last.id, Amount: contracts.Money{Currency: "XXX"}})
	w.expect(o, bodies...)
}

// outlast switches all faults off and returns when what the provider was to do within the time was done, or refused.
func (w *world) outlast(ms int) {
	w.Helper()
	w.provider.Clear(w)
	w.provider.Set(w, sandboxtest.Switch{Operation: "authorize", Fault: "slow", DelayMS: ms, Times: 1})
	slow := payments.Call{Action: payments.ActionAuthorize, Key: uuid.NewString(), Order: uuid.New(), Amount: price, PaymentMethod: "pm_ok"}
	if _, err := w.client.Do(w.Context(), slow); err != nil {
		w.Fatal(err)
	}
}

// effects checks how often the provider moved money for the order, and that it did nothing twice (I4).
func (w *world) effects(o *order, want map[string]int64) {
	w.Helper()
	got, keys := map[string]int64{}, map[string]bool{}
	for _, e := range w.provider.Ledger(w, o.id.String()) {
		if e.Outcome != "succeeded" || e.AmountMinor == 0 {
			continue
		}
		if e.Key != "" && keys[e.Key] || got[e.Operation] != 0 {
			w.Errorf("%s was done twice", e.Operation)
		}
		keys[e.Key] = true
		got[e.Operation] += e.AmountMinor
	}
	if len(got) != len(want) {
		w.Errorf("the provider did %v, want %v", got, want)
	}
	for op, amount := range want {
		if got[op] != amount {
			w.Errorf("the provider did %v, want %v", got, want)
		}
	}
}

func authorized(o *order) any { return contracts.PaymentAuthorized{OrderID: o.id, Amount: price} }
func captured(o *order) any   { return contracts.PaymentCaptured{OrderID: o.id, Amount: price} }

func voided(o *order, minor int64) any {
	return contracts.PaymentVoided{OrderID: o.id, Amount: contracts.Money{AmountMinor: minor, Currency: "EUR"}}
}

func refunded(o *order, minor int64) any {
	return contracts.PaymentRefunded{OrderID: o.id, Amount: contracts.Money{AmountMinor: minor, Currency: "EUR"}}
}
