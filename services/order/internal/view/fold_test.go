package view_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"ordersaga.internal/contracts"
	"ordersaga.internal/services/order/internal/view"
)

var (
	order = uuid.MustParse("0199b1de-7c1e-7aaa-8bbb-0123456789ab")
	noon  = time.Date(2026, 10, 5, 12, 0, 0, 0, time.UTC)
)

// bodies of every kind, by source; drawn amounts and reasons make two events of one kind differ.
func bodies(t *rapid.T, source string) any {
	money := contracts.Money{AmountMinor: rapid.Int64Range(0, 9).Draw(t, "amount"), Currency: "EUR"}
	reason := rapid.SampledFrom(contracts.Reasons()).Draw(t, "reason")
	word := rapid.StringMatching(`[a-c]`).Draw(t, "word")
	return rapid.SampledFrom(map[string][]any{
		"/services/order": {
			contracts.OrderPlacedV2{OrderID: order, CustomerID: word, Price: contracts.Price{Total: money}}, contracts.OrderCancellationRequested{OrderID: order},
			contracts.OrderCancellationDeclined{OrderID: order}, contracts.OrderCompleted{OrderID: order},
			contracts.OrderRejected{OrderID: order, Step: word, Reason: reason}, contracts.OrderCancelled{OrderID: order},
		},
		"/services/payment": {
			contracts.PaymentAuthorized{OrderID: order, Amount: money}, contracts.PaymentDeclined{OrderID: order, Reason: reason},
			contracts.PaymentCaptured{OrderID: order, Amount: money}, contracts.PaymentCaptureRefused{OrderID: order, Reason: reason},
			contracts.PaymentVoided{OrderID: order, Amount: money}, contracts.PaymentVoidFailed{OrderID: order, Detail: word},
			contracts.PaymentRefunded{OrderID: order, Amount: money}, contracts.PaymentRefundFailed{OrderID: order, Detail: word},
		},
		"/services/warehouse": {
			contracts.StockReserved{OrderID: order}, contracts.StockReservationRefused{OrderID: order, Reason: reason},
			contracts.StockReleased{OrderID: order}, contracts.OrderDispatched{OrderID: order, ShipmentID: word},
			contracts.DispatchRefused{OrderID: order, Reason: reason},
		},
	}[source]).Draw(t, "body")
}

// histories are what each source emitted for the order, in order. Sequences have gaps: some went to other topics.
func histories(t *rapid.T) [][]view.Event {
	var all [][]view.Event
	for _, source := range []string{"/services/order", "/services/payment", "/services/warehouse"} {
		var history []view.Event
		sequence, at := int64(0), noon
		for range rapid.IntRange(0, 6).Draw(t, "events of "+source) {
			sequence += rapid.Int64Range(1, 3).Draw(t, "sequence")
			at = at.Add(time.Duration(rapid.IntRange(-1, 5).Draw(t, "clock")) * time.Second) // clocks go back, too
			history = append(history, view.Event{Source: source, Sequence: sequence, Time: at, Body: bodies(t, source)})
		}
		all = append(all, history)
	}
	return all
}

// delivery draws what a reader may get: of each source first appearances in order, and anything that came again at any time.
func delivery(t *rapid.T, histories [][]view.Event) (out []view.Event) {
	next := make([]int, len(histories))
	for {
		var open []int
		for i, h := range histories {
			if next[i] < len(h) {
				open = append(open, i)
			}
		}
		again := len(out) > 0 && rapid.IntRange(0, 2).Draw(t, "again") == 0
		switch {
		case again:
			out = append(out, rapid.SampledFrom(out).Draw(t, "repeated"))
		case len(open) == 0:
			return out
		default:
			i := rapid.SampledFrom(open).Draw(t, "source")
			out = append(out, histories[i][next[i]])
			next[i]++
		}
	}
}

func fold(t *rapid.T, events []view.Event) (*view.Row, []bool) {
	r := &view.Row{ID: order}
	var changes []bool
	for _, e := range events {
		changed, err := r.Apply(e)
		if err != nil {
			t.Fatal(err)
		}
		changes = append(changes, changed)
	}
	return r, changes
}

// I7 for the read model: the same row in every legal delivery order, and under every repetition and rewind.
func TestEveryLegalDeliveryMakesTheSameRow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := histories(t)
		want, _ := fold(t, slices.Concat(h...))
		first := delivery(t, h)
		got, changes := fold(t, first)
		if *got != *want {
			t.Fatalf("%v\nmade   %+v\nnot    %+v", first, got, want)
		}
		// Only first appearances are changes, and a version vector never stands for two rows.
		seen := map[string]bool{}
		for i, e := range first {
			key := fmt.Sprint(e.Source, e.Sequence)
			if changes[i] == seen[key] {
				t.Fatalf("%d: %s changed the row: %t, came before: %t", i, key, changes[i], seen[key])
			}
			seen[key] = true
		}
		// A rewind: everything again, in another order.
		for _, e := range delivery(t, h) {
			if changed, err := got.Apply(e); changed || err != nil {
				t.Fatalf("%+v again: changed %t, %v", e, changed, err)
			}
		}
		if *got != *want {
			t.Fatal("a rewind changed the row")
		}
	})
}

// The tag grows with each change, and a row that has seen more is newer.
func TestVersionsOnlyGrow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := view.Row{ID: order}
		for _, e := range delivery(t, histories(t)) {
			before := r
			changed, err := r.Apply(e)
			if err != nil {
				t.Fatal(err)
			}
			if r.Newer(&before) != changed || (r.Versions == before.Versions) == changed {
				t.Fatalf("%v after %v: changed %t", r.Versions, before.Versions, changed)
			}
		}
	})
}

// Every column is of an event of the contracts. Of an event without a column the version is taken, and nothing else; whose
// source is not known is refused without a trace.
func TestEveryColumnHasAnEvent(t *testing.T) {
	t.Parallel()
	kinds, registry := map[string]bool{}, contracts.NewRegistry()
	for i, e := range contracts.Entries() {
		if !slices.Contains(contracts.EventTopics(), e.Topic) {
			continue
		}
		name, _, _ := strings.Cut(e.Type, ".")
		source := map[string]string{
			contracts.OrderEvents: "/services/order", contracts.PaymentEvents: "/services/payment", contracts.WarehouseEvents: "/services/warehouse",
		}[e.Topic]
		data, err := json.Marshal(e.Zero)
		if err != nil {
			t.Fatal(err)
		}
		body, err := registry.Decode(e.Type, data) // in its newest version
		if err != nil {
			t.Fatal(err)
		}
		r := view.Row{ID: order}
		if changed, err := r.Apply(view.Event{Source: source, Sequence: int64(i + 1), Time: noon, Body: body}); !changed || err != nil {
			t.Errorf("%s: %t %v", e.Type, changed, err)
			continue
		}
		timeline := r.Timeline()
		switch {
		case len(timeline) == 0:
		case len(timeline) > 1 || timeline[0].Kind.String() != name:
			t.Errorf("%s is %v", e.Type, timeline)
		default:
			kinds[name] = true
		}
	}
	if len(kinds) != int(view.Kinds) {
		t.Errorf("%d events for %d kinds", len(kinds), view.Kinds)
	}
	r := view.Row{ID: order}
	e := view.Event{Source: "/services/loyalty", Sequence: 1, Time: noon, Body: contracts.OrderPlacedV2{}}
	if changed, err := r.Apply(e); changed || err == nil || r != (view.Row{ID: order}) {
		t.Errorf("%+v: %t %v %+v", e, changed, err, r)
	}
	e = view.Event{Source: "/services/payment", Sequence: 3, Time: noon, Body: contracts.AuthorizePayment{}}
	if changed, err := r.Apply(e); !changed || err != nil || r != (view.Row{ID: order, Versions: view.Versions{view.Payment: 3}}) {
		t.Errorf("%+v: %t %v %+v", e, changed, err, r)
	}
}
