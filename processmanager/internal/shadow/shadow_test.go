package shadow_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"ordersaga.internal/contracts"
	"ordersaga.internal/processmanager/internal/fulfilment"
	"ordersaga.internal/processmanager/internal/shadow"
	"ordersaga.internal/processmanager/saga"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	one   = shadow.Version{Definition: "fulfilment", Version: 1}
	two   = shadow.Version{Definition: "fulfilment", Version: 2}
)

// tape is an order under version 1, and what its history keeps.
type tape struct {
	t        *testing.T
	now      time.Time
	instance saga.Instance[fulfilment.Order]
	history  shadow.History
	sequence int64
}

func placed(t *testing.T, n int) *tape {
	t.Helper()
	order := uuid.MustParse(fmt.Sprintf("01937000-0000-7000-8000-%012d", n))
	eur := contracts.Money{AmountMinor: 1999, Currency: "EUR"}
	p := &tape{t: t, now: epoch, history: shadow.History{Order: order}}
	in := saga.Input{ID: uuid.New(), Subject: order, Sequence: 1, Body: contracts.OrderPlacedV2{
		OrderID: order, CustomerID: "alice", PaymentMethod: "pm_ok", ShipTo: "addr-1", Price: contracts.Price{Total: eur},
		Lines: []contracts.PricedLine{{SKU: "BOOK-1", Quantity: n, UnitPrice: eur}},
	}}
	i, out, note, err := saga.Start(fulfilment.V1, in, p.now)
	return p.keep(in, i, out, note, err)
}

func (p *tape) keep(in saga.Input, i saga.Instance[fulfilment.Order], out []saga.Outgoing, note saga.Note, err error) *tape {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
	line := shadow.Input{Input: in, Type: in.Body.WireType(), At: p.now, Effect: note.Effect}
	switch in.Body.(type) {
	case saga.Due, saga.Redriven, saga.Retry, saga.Waive, saga.Unwind: // of these the history keeps the name
		line.Body = nil
	}
	for _, c := range out {
		line.Sent = append(line.Sent, fmt.Sprintf("%s#%d", c.Body.WireType(), c.Attempt))
	}
	p.instance = i
	p.history.Inputs = append(p.history.Inputs, line)
	p.now = p.now.Add(time.Second)
	return p
}

func (p *tape) when(bodies ...saga.Message) *tape {
	p.t.Helper()
	for _, body := range bodies {
		in := saga.Input{ID: uuid.New(), Subject: p.instance.ID, Body: body}
		i, out, note, err := saga.Apply(fulfilment.V1, p.instance, in, p.now)
		p.keep(in, i, out, note, err)
	}
	return p
}

// answers answers the outstanding command each time.
func (p *tape) answers(bodies ...saga.Message) *tape {
	p.t.Helper()
	for _, body := range bodies {
		p.sequence++
		in := saga.Input{ID: uuid.New(), Subject: p.instance.ID, Causation: p.instance.Outstanding.Command, Sequence: p.sequence, Body: body}
		i, out, note, err := saga.Apply(fulfilment.V1, p.instance, in, p.now)
		p.keep(in, i, out, note, err)
	}
	return p
}

func (p *tape) after(d time.Duration, body saga.Message) *tape {
	p.t.Helper()
	p.now = p.now.Add(d)
	return p.when(body)
}

// histories are of every kind: all that may stand in one is in some of them.
func histories(t *testing.T) []shadow.History {
	t.Helper()
	toCapture := func(n int) *tape {
		return placed(t, n).answers(contracts.StockReserved{}, contracts.PaymentAuthorized{})
	}
	all := []*tape{
		toCapture(1).answers(contracts.PaymentCaptured{}, contracts.OrderDispatched{}, contracts.OrderCompleted{}),
		toCapture(2).answers(contracts.PaymentCaptured{}, contracts.OrderDispatched{}, contracts.OrderCompleted{}),
		placed(t, 3).answers(contracts.StockReservationRefused{Reason: contracts.ReasonOutOfStock}, contracts.OrderRejected{}),
		placed(t, 4).answers(contracts.StockReserved{}, contracts.PaymentDeclined{Reason: contracts.ReasonDeclined}, contracts.StockReleased{}),
		// sent again, given up, undone
		placed(t, 5).answers(contracts.StockReserved{}).after(10*time.Second, saga.Due{}).after(time.Minute, saga.Due{}).
			answers(contracts.PaymentVoided{}, contracts.StockReleased{}, contracts.OrderRejected{}),
		// past its deadline in a storm: sent again, not given up
		placed(t, 6).answers(contracts.StockReserved{}).after(2*time.Minute, saga.Due{Held: true}).answers(contracts.PaymentAuthorized{}),
		placed(t, 7).answers(contracts.StockReserved{}).when(contracts.OrderCancellationRequested{}).
			answers(contracts.PaymentAuthorized{}, contracts.PaymentVoided{}, contracts.StockReleased{}, contracts.OrderCancelled{}),
		// owed, retried, owed again, waived by name
		toCapture(8).answers(contracts.PaymentCaptureRefused{Reason: contracts.ReasonExpired}, contracts.PaymentVoidFailed{Detail: "gone"},
			contracts.StockReleased{}).when(saga.Retry{Step: "authorize payment"}).answers(contracts.PaymentVoidFailed{Detail: "gone"}).
			when(saga.Waive{Step: "reserve stock"}, saga.Waive{Step: "authorize payment"}).answers(contracts.OrderRejected{}),
		placed(t, 9).when(saga.Unwind{Reason: "fraud"}, saga.Redriven{}).answers(contracts.StockReleased{}),
	}
	late := toCapture(10)
	answered := late.history.Inputs[1].Input
	late.when(contracts.StockReserved{OrderID: answered.Subject}) // answers nothing
	all = append(all, late)
	out := make([]shadow.History, len(all))
	for k, p := range all {
		out[k] = p.history
	}
	return out
}

// changed is version 2: version 1 with a change.
func changed(change func(d *saga.Definition[fulfilment.Order])) *saga.Set {
	d := *fulfilment.V1
	d.Version = 2
	d.Steps = slices.Clone(d.Steps)
	change(&d)
	return saga.NewSet(fulfilment.V1, saga.Define(d))
}

// What each change of the definition does to recorded orders.
func TestDiff(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(d *saga.Definition[fulfilment.Order]){
		"same":    func(*saga.Definition[fulfilment.Order]) {},
		"renamed": func(d *saga.Definition[fulfilment.Order]) { d.Steps[1].Name = "ask for the money" }, // another id of the command, all else equal
		"payment-first": func(d *saga.Definition[fulfilment.Order]) {
			d.Steps[0], d.Steps[1] = d.Steps[1], d.Steps[0]
		},
		"no-capture": func(d *saga.Definition[fulfilment.Order]) { d.Steps = slices.Delete(d.Steps, 2, 3) },
		"dearer": func(d *saga.Definition[fulfilment.Order]) {
			d.Steps[2].Do = func(o fulfilment.Order) saga.Message {
				return contracts.CapturePayment{OrderID: o.ID, Amount: contracts.Money{AmountMinor: o.Total.AmountMinor + 1, Currency: "EUR"}}
			}
		},
		"impatient": func(d *saga.Definition[fulfilment.Order]) {
			d.Steps[1].Resend, d.Steps[1].Timeout = time.Second/2, 2*time.Second
		},
		"patient": func(d *saga.Definition[fulfilment.Order]) { d.Steps[1].Timeout = time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report := shadow.Diff(changed(change), one, two, histories(t))
			var text, data bytes.Buffer
			if err := report.Write(&text); err != nil {
				t.Fatal(err)
			}
			encoder := json.NewEncoder(&data)
			encoder.SetIndent("", "  ")
			if err := encoder.Encode(report); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".txt", text.Bytes())
			golden(t, name+".json", data.Bytes())
			if len(report.Unreplayable) > 0 {
				t.Errorf("version 1 does not do again what it did: %v", report.Unreplayable)
			}
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not current: run go test ./internal/shadow -update and read the difference", path)
	}
}

// A history that its own version does not explain is named, and judged no further.
func TestWhatIsNotReproducedIsSaid(t *testing.T) {
	t.Parallel()
	set := changed(func(d *saga.Definition[fulfilment.Order]) { d.Steps = slices.Delete(d.Steps, 2, 3) })
	for name, tamper := range map[string]func(h *shadow.History){
		"other commands were sent":  func(h *shadow.History) { h.Inputs[1].Sent = []string{"DispatchOrder.v1#1"} },
		"another attempt":           func(h *shadow.History) { h.Inputs[0].Sent = []string{"ReserveStock.v1#2"} },
		"another effect":            func(h *shadow.History) { h.Inputs[1].Effect = saga.Late },
		"an input of another world": func(h *shadow.History) { h.Inputs[1].Body, h.Inputs[1].Type = nil, "saga.Reverie" },
	} {
		h := histories(t)[:1]
		tamper(&h[0])
		report := shadow.Diff(set, one, two, h)
		if len(report.Unreplayable) != 1 || report.Same+report.Differ != 0 {
			t.Errorf("%s: %+v", name, report)
		}
	}
	if report := shadow.Diff(set, one, shadow.Version{Definition: "fulfilment", Version: 3}, histories(t)[:1]); len(report.Unreplayable) != 1 {
		t.Errorf("a version that there is not: %+v", report)
	}
}
