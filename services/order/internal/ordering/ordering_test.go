package ordering_test

import (
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"ordersaga.internal/contracts"
	"ordersaga.internal/services/order/internal/ordering"
)

var now = time.Date(2026, 10, 5, 12, 0, 0, 0, time.UTC)

func eur(minor int64) contracts.Money { return contracts.Money{AmountMinor: minor, Currency: "EUR"} }

// lines are SKUs and quantities by turns.
func lines(of ...any) []contracts.Line {
	var out []contracts.Line
	for i := 0; i < len(of); i += 2 {
		out = append(out, contracts.Line{SKU: of[i].(string), Quantity: of[i+1].(int)})
	}
	return out
}

func codeOf(err error) ordering.Code {
	var e *ordering.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func TestPlaceRefusesWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	catalogue := ordering.Catalogue{
		"mug":   {SKU: "mug", UnitPrice: eur(1999)},
		"pen":   {SKU: "pen", UnitPrice: eur(1)},
		"plate": {SKU: "plate", UnitPrice: contracts.Money{AmountMinor: 5, Currency: "USD"}},
		"yacht": {SKU: "yacht", UnitPrice: eur(1<<53 - 1)},
	}
	other := eur(1998)
	for name, c := range map[string]struct {
		lines    []contracts.Line
		expected *contracts.Money
		code     ordering.Code
		pointers string
	}{
		"unknown":        {lines: lines("mug", 1, "jug", 1, "rug", 2), code: ordering.UnknownSKU, pointers: "/lines/1/sku /lines/2/sku"},
		"repeated":       {lines: lines("mug", 1, "pen", 1, "mug", 1), code: ordering.RepeatedSKU, pointers: "/lines/2/sku"},
		"two currencies": {lines: lines("mug", 1, "plate", 1), code: ordering.MixedCurrencies, pointers: "/lines/1/sku"},
		"product":        {lines: lines("yacht", 2), code: ordering.TotalTooLarge, pointers: "/lines/0/quantity"},
		"sum":            {lines: lines("yacht", 1, "pen", 1), code: ordering.TotalTooLarge, pointers: "/lines/1/quantity"},
		"price changed":  {lines: lines("mug", 1), expected: &other, code: ordering.PriceChanged, pointers: "/expected_total"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			book := ordering.NewBook(catalogue)
			_, err := book.Place(&ordering.Placement{Lines: c.lines, ExpectedTotal: c.expected}, now)
			var e *ordering.Error
			if !errors.As(err, &e) || e.Code != c.code {
				t.Fatalf("got %v, want %s", err, c.code)
			}
			var pointers []string
			for _, f := range e.Faults {
				pointers = append(pointers, f.Pointer)
			}
			if got := strings.Join(pointers, " "); got != c.pointers {
				t.Errorf("faults at %s, want %s", got, c.pointers)
			}
			if len(book.Fresh()) != 0 {
				t.Error("a refused placement is in the book")
			}
		})
	}
}

// The total is the exact sum, or it is refused because it does not fit; lines keep their order and the catalogue's price.
func TestPricingIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 20).Draw(t, "lines")
		catalogue := ordering.Catalogue{}
		want := new(big.Int)
		p := &ordering.Placement{OrderID: uuid.New()}
		for i := range n {
			sku := fmt.Sprint("sku-", i)
			price := rapid.OneOf(rapid.Int64Range(0, 100_000), rapid.Int64Range(0, 1<<53-1)).Draw(t, "price")
			quantity := rapid.IntRange(1, 1000).Draw(t, "quantity")
			catalogue[sku] = ordering.Product{SKU: sku, UnitPrice: eur(price)}
			p.Lines = append(p.Lines, contracts.Line{SKU: sku, Quantity: quantity})
			want.Add(want, new(big.Int).Mul(big.NewInt(price), big.NewInt(int64(quantity))))
		}
		_, err := ordering.NewBook(catalogue).Place(p, now)
		if want.Cmp(big.NewInt(1<<53-1)) > 0 {
			if codeOf(err) != ordering.TotalTooLarge {
				t.Fatalf("total %s: got %v", want, err)
			}
			return
		}
		if err != nil || big.NewInt(p.Order.Total.AmountMinor).Cmp(want) != 0 {
			t.Fatalf("got %v, %v, want %s", p.Order.Total, err, want)
		}
		for i, line := range p.Order.Lines {
			if line.SKU != p.Lines[i].SKU || line.Quantity != p.Lines[i].Quantity || line.UnitPrice != catalogue[line.SKU].UnitPrice {
				t.Fatalf("line %d: %v", i, line)
			}
		}
	})
}

func TestRepetitionsWithinOneBatch(t *testing.T) {
	t.Parallel()
	book := ordering.NewBook(ordering.Catalogue{"mug": {SKU: "mug", UnitPrice: eur(5)}})
	placement := func(customer string, body byte) *ordering.Placement {
		return &ordering.Placement{
			OrderID: uuid.New(), Key: ordering.Key{Customer: customer, Key: "k"}, Fingerprint: ordering.Fingerprint{body},
			Lines: []contracts.Line{{SKU: "mug", Quantity: 1}},
		}
	}
	first, same, reused, bob := placement("alice", 1), placement("alice", 1), placement("alice", 2), placement("bob", 1)
	if fresh, err := book.Place(first, now); err != nil || !fresh {
		t.Fatal(fresh, err)
	}
	if fresh, err := book.Place(same, now.Add(time.Second)); err != nil || fresh || same.Order.ID != first.OrderID || same.Order.PlacedAt != now {
		t.Errorf("same body: %v %v %v", fresh, err, same.Order)
	}
	if _, err := book.Place(reused, now); codeOf(err) != ordering.KeyReused {
		t.Errorf("other body: %v", err)
	}
	if fresh, err := book.Place(bob, now); err != nil || !fresh {
		t.Errorf("other customer: %v %v", fresh, err)
	}
	if n := len(book.Fresh()); n != 2 {
		t.Errorf("%d orders", n)
	}
}

func TestRepetitionAnswersAsPlaced(t *testing.T) {
	t.Parallel()
	book := ordering.NewBook(nil)
	k := ordering.Key{Customer: "alice", Key: "k"}
	book.AddRecord(k, ordering.Record{Order: ordering.Order{State: ordering.State{
		Status: ordering.Rejected, Step: "dispatch", Reason: contracts.ReasonDamaged, FinishedAt: now, Version: 3,
	}}})
	p := &ordering.Placement{Key: k}
	if _, err := book.Place(p, now); err != nil {
		t.Fatal(err)
	}
	if want := (ordering.State{Status: ordering.Placed, Cancellation: ordering.None, Version: 1}); p.Order.State != want {
		t.Errorf("got %+v", p.Order.State)
	}
}

// Whatever is tried in whatever order, an order ends once and what it ended as never changes.
func TestAnOrderEndsOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := ordering.State{Status: ordering.Placed, Cancellation: ordering.None, Version: 1}
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			before := s
			var err error
			var declined bool
			action := rapid.SampledFrom([]string{"request", "complete", "reject", "cancel"}).Draw(t, "action")
			switch action {
			case "request":
				_, err = s.RequestCancellation()
			case "complete":
				declined, err = s.Complete(now)
			case "reject":
				declined, err = s.Reject("dispatch", contracts.ReasonDamaged, now)
			case "cancel":
				err = s.Cancel(now)
			}
			if before.Final() != (err != nil) || err != nil && s != before {
				t.Fatalf("%s of %+v: %v, %+v", action, before, err, s)
			}
			if declined != (before.Cancellation == ordering.Requested && s.Cancellation == ordering.Declined) {
				t.Fatalf("%s of %+v: declined %v, %+v", action, before, declined, s)
			}
			if err == nil && s.Final() && s.Status != ordering.Cancelled && s.Cancellation == ordering.Requested {
				t.Fatalf("%s left a wish without an answer: %+v", action, s)
			}
			if (s != before) != (s.Version == before.Version+1) {
				t.Fatalf("%s: version %d after %d", action, s.Version, before.Version)
			}
		}
	})
}
