package fulfilment_test

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"ordersaga.internal/contracts"
	"ordersaga.internal/processmanager/internal/fulfilment"
	"ordersaga.internal/processmanager/saga"
	"ordersaga.internal/processmanager/saga/sagatest"
)

var order = contracts.OrderPlacedV2{
	OrderID: uuid.MustParse("01937000-0000-7000-8000-000000000001"), CustomerID: "alice",
	Lines: []contracts.PricedLine{{SKU: "BOOK-1", Quantity: 2, UnitPrice: contracts.Money{AmountMinor: 1999, Currency: "EUR"}}},
	Price: contracts.Price{
		Goods: contracts.Money{AmountMinor: 3998, Currency: "EUR"}, Shipping: contracts.Money{AmountMinor: 490, Currency: "EUR"},
		Total: contracts.Money{AmountMinor: 4488, Currency: "EUR"},
	},
	PaymentMethod: "pm_ok", ShipTo: "address-7",
}

type story = sagatest.Story[fulfilment.Order]

func placed(t *testing.T) *story {
	t.Helper()
	return sagatest.Given(t, fulfilment.V1, order).Sends(contracts.ReserveStock{})
}

func reserved(t *testing.T) *story {
	t.Helper()
	return placed(t).Answer(contracts.StockReserved{}).Sends(contracts.AuthorizePayment{})
}

func authorized(t *testing.T) *story {
	t.Helper()
	return reserved(t).Answer(contracts.PaymentAuthorized{}).Sends(contracts.CapturePayment{})
}

func captured(t *testing.T) *story {
	t.Helper()
	return authorized(t).Answer(contracts.PaymentCaptured{}).Sends(contracts.DispatchOrder{})
}

// rejected expects that the end is told, with this step and reason, and what it sends after.
func rejected(t *testing.T, s *story, step string, reason contracts.Reason) {
	t.Helper()
	s.Sends(contracts.RejectOrder{})
	want := contracts.RejectOrder{OrderID: order.OrderID, Step: step, Reason: reason}
	if got := s.Sent[0].Body; got != want {
		t.Errorf("told the customer %v, want %v", got, want)
	}
	s.Answer(contracts.OrderRejected{}).Sends().Is(saga.Rejected)
}

// An order that nothing befalls: the five commands, and what is in them.
func TestCompletes(t *testing.T) {
	t.Parallel()
	s := captured(t).Answer(contracts.OrderDispatched{}).Sends(contracts.CompleteOrder{}).
		Answer(contracts.OrderCompleted{}).Sends().Is(saga.Completed)
	id, lines := order.OrderID, []contracts.Line{{SKU: "BOOK-1", Quantity: 2}}
	want := []saga.Message{
		contracts.ReserveStock{OrderID: id, Lines: lines},
		contracts.AuthorizePayment{OrderID: id, CustomerID: "alice", Amount: order.Price.Total, PaymentMethod: "pm_ok"},
		contracts.CapturePayment{OrderID: id, Amount: order.Price.Total},
		contracts.DispatchOrder{OrderID: id, Lines: lines, ShipTo: "address-7"},
		contracts.CompleteOrder{OrderID: id},
	}
	for i, o := range s.All {
		if !reflect.DeepEqual(o.Body, want[i]) {
			t.Errorf("command %d is %+v, want %+v", i+1, o.Body, want[i])
		}
	}
}

// Every command, of whatever kind, names its order.
func TestEveryCommandNamesTheOrder(t *testing.T) {
	t.Parallel()
	named := map[string]bool{}
	refused := unwoundFromCapture(captured(t).Answer(contracts.DispatchRefused{Reason: contracts.ReasonDamaged}))
	cancelled := placed(t).When(contracts.OrderCancellationRequested{}).Answer(contracts.StockReserved{}).Answer(contracts.StockReleased{})
	for _, o := range slices.Concat(captured(t).Answer(contracts.OrderDispatched{}).All, refused.All, cancelled.All) {
		named[o.Body.WireType()] = true
		if got := reflect.ValueOf(o.Body).FieldByName("OrderID").Interface(); got != order.OrderID {
			t.Errorf("%s names %v", o.Body.WireType(), got)
		}
	}
	for _, e := range contracts.Entries() {
		if !slices.Contains(contracts.EventTopics(), e.Topic) && !named[e.Type] {
			t.Errorf("%s was not sent", e.Type)
		}
	}
}

// Scenario 4.
func TestOutOfStock(t *testing.T) {
	t.Parallel()
	s := placed(t).Answer(contracts.StockReservationRefused{Reason: contracts.ReasonOutOfStock})
	rejected(t, s, "reserve stock", contracts.ReasonOutOfStock)
}

// Scenario 5.
func TestDeclined(t *testing.T) {
	t.Parallel()
	s := reserved(t).Answer(contracts.PaymentDeclined{Reason: contracts.ReasonDeclined}).Sends(contracts.ReleaseStock{}).
		Answer(contracts.StockReleased{})
	rejected(t, s, "authorize payment", contracts.ReasonDeclined)
}

// Scenario 6.
func TestCaptureRefused(t *testing.T) {
	t.Parallel()
	s := authorized(t).Answer(contracts.PaymentCaptureRefused{Reason: contracts.ReasonExpired}).Sends(contracts.VoidPayment{}).
		Answer(contracts.PaymentVoided{}).Sends(contracts.ReleaseStock{}).
		Answer(contracts.StockReleased{})
	rejected(t, s, "capture payment", contracts.ReasonExpired)
}

// unwoundFromCapture expects refund, void and release, in this order, and then the end.
func unwoundFromCapture(s *story) *story {
	return s.Sends(contracts.RefundPayment{}).
		Answer(contracts.PaymentRefunded{}).Sends(contracts.VoidPayment{}).
		Answer(contracts.PaymentVoided{}).Sends(contracts.ReleaseStock{}).
		Answer(contracts.StockReleased{})
}

// Scenario 7. The void after the refund finds nothing to let go of; it is asked all the same (rule 2).
func TestDispatchRefused(t *testing.T) {
	t.Parallel()
	s := unwoundFromCapture(captured(t).Answer(contracts.DispatchRefused{Reason: contracts.ReasonDamaged}))
	rejected(t, s, "dispatch", contracts.ReasonDamaged)
}

// Scenarios 10 and 14: nothing is dispatched while the capture is unknown; at the deadline the payment is undone, and
// stock is freed only after the answers.
func TestCaptureUnknown(t *testing.T) {
	t.Parallel()
	s := authorized(t)
	for range 5 {
		s.After(10 * time.Second).Sends(contracts.CapturePayment{})
	}
	s = unwoundFromCapture(s.After(10 * time.Second))
	rejected(t, s, "capture payment", contracts.ReasonTimedOut)
}

// Scenario 20.
func TestCompensationFails(t *testing.T) {
	t.Parallel()
	owed := func(t *testing.T) *story {
		t.Helper()
		return captured(t).Answer(contracts.DispatchRefused{Reason: contracts.ReasonDamaged}).Sends(contracts.RefundPayment{}).
			Answer(contracts.PaymentRefundFailed{Detail: "charge_disputed"}).Sends(contracts.VoidPayment{}).IsStuck().
			Answer(contracts.PaymentVoided{}).Sends(contracts.ReleaseStock{}).
			Answer(contracts.StockReleased{}).Sends().IsStuck().
			After(time.Hour).Sends()
	}
	t.Run("retried", func(t *testing.T) {
		t.Parallel()
		s := owed(t).When(saga.Retry{Step: "capture payment", Reason: "dispute won"}).Sends(contracts.RefundPayment{}).
			Answer(contracts.PaymentRefunded{})
		rejected(t, s, "dispatch", contracts.ReasonDamaged)
	})
	t.Run("waived", func(t *testing.T) {
		t.Parallel()
		s := owed(t).When(saga.Waive{Step: "capture payment", Reason: "paid back by bank transfer"})
		rejected(t, s, "dispatch", contracts.ReasonDamaged)
	})
	t.Run("its success arrives late", func(t *testing.T) {
		t.Parallel()
		rejected(t, owed(t).AnswerTo("capture payment", true, contracts.PaymentRefunded{}), "dispatch", contracts.ReasonDamaged)
	})
	t.Run("a re-send had crossed its failure", func(t *testing.T) {
		t.Parallel()
		s := reserved(t).After(time.Minute).Sends(contracts.VoidPayment{}).
			After(10*time.Second).Sends(contracts.VoidPayment{}).
			Answer(contracts.PaymentVoidFailed{Detail: "provider_error"}).Sends(contracts.ReleaseStock{}).IsStuck().
			AnswerTo("authorize payment", true, contracts.PaymentVoided{}).Sends().Is(saga.Unwinding).
			Answer(contracts.StockReleased{})
		rejected(t, s, "authorize payment", contracts.ReasonTimedOut)
	})
}

// Scenario 21.
func TestStaleAnswers(t *testing.T) {
	t.Parallel()
	captured(t).
		AnswerTo("reserve stock", false, contracts.StockReserved{}).Was(saga.Late).
		AnswerTo("authorize payment", false, contracts.PaymentDeclined{}).Was(saga.Late).
		Answer(contracts.OrderDispatched{}).Sends(contracts.CompleteOrder{}).
		Again().Was(saga.Late).
		Answer(contracts.OrderCompleted{}).Is(saga.Completed).
		Again().Was(saga.Late)
}

// Scenario 23.
func TestTimers(t *testing.T) {
	t.Parallel()
	placed(t).
		After(10*time.Second - 1).Was(saga.Ignored).
		After(1).Sends(contracts.ReserveStock{}).Again().Was(saga.Ignored).
		After(50 * time.Second).Sends(contracts.ReleaseStock{}).Again().Was(saga.Ignored).
		Answer(contracts.StockReleased{}).Sends(contracts.RejectOrder{}).
		After(10 * time.Second).Sends(contracts.RejectOrder{}).
		Answer(contracts.OrderRejected{}).
		After(time.Hour).Was(saga.Ignored).Is(saga.Rejected)
}

func cancelled(s *story) {
	s.Sends(contracts.CancelOrder{}).Answer(contracts.OrderCancelled{}).Sends().Is(saga.Cancelled)
}

// Scenario 24.
func TestCancelWithAuthorizationInFlight(t *testing.T) {
	t.Parallel()
	t.Run("authorized", func(t *testing.T) {
		t.Parallel()
		cancelled(reserved(t).When(contracts.OrderCancellationRequested{}).Sends().
			Answer(contracts.PaymentAuthorized{}).Sends(contracts.VoidPayment{}).
			Answer(contracts.PaymentVoided{}).Sends(contracts.ReleaseStock{}).
			Answer(contracts.StockReleased{}))
	})
	t.Run("declined", func(t *testing.T) {
		t.Parallel()
		cancelled(reserved(t).When(contracts.OrderCancellationRequested{}).Sends().
			Answer(contracts.PaymentDeclined{Reason: contracts.ReasonDeclined}).Sends(contracts.ReleaseStock{}).
			Answer(contracts.StockReleased{}))
	})
}

// Scenario 25: both interleavings of the request and the capture's answer.
func TestCancelRacingTheCapture(t *testing.T) {
	t.Parallel()
	t.Run("request first", func(t *testing.T) {
		t.Parallel()
		cancelled(unwoundFromCapture(authorized(t).
			When(contracts.OrderCancellationRequested{}).Sends().Answer(contracts.PaymentCaptured{})))
	})
	t.Run("request first, then refused", func(t *testing.T) {
		t.Parallel()
		cancelled(authorized(t).When(contracts.OrderCancellationRequested{}).
			Answer(contracts.PaymentCaptureRefused{Reason: contracts.ReasonExpired}).Sends(contracts.VoidPayment{}).
			Answer(contracts.PaymentVoided{}).Sends(contracts.ReleaseStock{}).
			Answer(contracts.StockReleased{}))
	})
	t.Run("answer first: dispatch was asked for, and decides", func(t *testing.T) {
		t.Parallel()
		captured(t).When(contracts.OrderCancellationRequested{}).Sends().
			Answer(contracts.OrderDispatched{}).Sends(contracts.CompleteOrder{}).
			Answer(contracts.OrderCompleted{}).Is(saga.Completed)
		cancelled(unwoundFromCapture(captured(t).When(contracts.OrderCancellationRequested{}).Sends().
			Answer(contracts.DispatchRefused{Reason: contracts.ReasonDamaged})))
	})
}

// Scenarios 26 and 27: after the dispatch, and twice. The order service declines the former itself.
func TestCancelTooLateOrTwice(t *testing.T) {
	t.Parallel()
	captured(t).Answer(contracts.OrderDispatched{}).
		When(contracts.OrderCancellationRequested{}).Was(saga.Ignored).
		Answer(contracts.OrderCompleted{}).Is(saga.Completed).
		When(contracts.OrderCancellationDeclined{}).Was(saga.Ignored)
	reserved(t).When(contracts.OrderCancellationRequested{}).Was(saga.Applied).Again().Was(saga.Ignored)
}

// Every event of the contracts is bound or ignored by name, so that a new one cannot jam orders unnoticed.
func TestEveryEventIsKnown(t *testing.T) {
	t.Parallel()
	set := fulfilment.Versions()
	for _, e := range contracts.Entries() {
		if slices.Contains(contracts.EventTopics(), e.Topic) && e.Next == "" && !set.Binds(e.Type) {
			t.Errorf("%s is neither bound nor ignored: add it to the table", e.Type)
		}
	}
}

// What is stored of an order comes back as it was.
func TestDataSurvivesJSON(t *testing.T) {
	t.Parallel()
	set := fulfilment.Versions()
	i, _, _, err := set.Start(saga.Input{Subject: order.OrderID, Body: order}, sagatest.Epoch)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := json.Marshal(i.Data)
	if err != nil {
		t.Fatal(err)
	}
	back, err := set.Decode(i.Definition, i.Version, stored)
	if err != nil || !reflect.DeepEqual(back, i.Data) {
		t.Errorf("%s came back as %+v, %v", stored, back, err)
	}
}

// What instances in flight have stored is read as it was, and stored no differently: a definition's data never changes its
// shape but by a new version of the definition.
func TestStoredDataStaysReadable(t *testing.T) {
	t.Parallel()
	stored, err := os.ReadFile("testdata/data.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	data, err := fulfilment.Versions().Decode("fulfilment", 1, stored)
	if err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(data)
	if err != nil || string(again) != strings.TrimSuffix(string(stored), "\n") {
		t.Errorf("it is stored as\n%s\nnow, %v", again, err)
	}
	i, _, _, err := fulfilment.Versions().Start(saga.Input{Subject: order.OrderID, Body: order}, sagatest.Epoch)
	if err != nil || !reflect.DeepEqual(i.Data, data) {
		t.Errorf("it is read as %+v, %v", data, err)
	}
}

func BenchmarkCompletes(b *testing.B) {
	set := fulfilment.Versions()
	answers := []saga.Message{
		contracts.StockReserved{}, contracts.PaymentAuthorized{}, contracts.PaymentCaptured{},
		contracts.OrderDispatched{}, contracts.OrderCompleted{},
	}
	for b.Loop() {
		i, out, _, err := set.Start(saga.Input{Subject: order.OrderID, Body: order}, sagatest.Epoch)
		for n := 0; err == nil && n < len(answers); n++ {
			in := saga.Input{Subject: order.OrderID, Causation: out[0].ID, Sequence: int64(n), Body: answers[n]}
			i, out, _, err = set.Apply(i, in, sagatest.Epoch)
		}
		if err != nil || i.State != saga.Completed {
			b.Fatal(i.State, err)
		}
	}
}
