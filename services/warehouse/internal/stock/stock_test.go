package stock_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/google/uuid"

	"ordersaga.internal/contracts"
	"ordersaga.internal/services/warehouse/internal/stock"
)

func level(sku string, onHand, damaged int64) stock.Level {
	return stock.Level{SKU: sku, Received: onHand, OnHand: onHand, Damaged: damaged}
}

func lines(pairs ...any) []contracts.Line {
	var out []contracts.Line
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, contracts.Line{SKU: pairs[i].(string), Quantity: pairs[i+1].(int)})
	}
	return out
}

func changed(levels *stock.Levels, holds *stock.Holds) bool {
	fresh, known := levels.Unsaved()
	return len(fresh)+len(known)+len(holds.Unsaved()) > 0
}

func must[T any](t *testing.T) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestARefusedReservationListsEveryShortageAndHoldsNothing(t *testing.T) {
	t.Parallel()
	levels := stock.NewLevels([]stock.Level{level("apple", 5, 0), level("pear", 1, 0)})
	holds, order := stock.NewHolds(nil), uuid.New()

	got := must[any](t)(stock.Reserve(levels, holds, contracts.ReserveStock{
		OrderID: order, Lines: lines("apple", 5, "pear", 2, "unheard-of", 1),
	}))

	want := contracts.StockReservationRefused{
		OrderID: order, Reason: contracts.ReasonOutOfStock, Shortages: []contracts.Shortage{
			{SKU: "pear", Requested: 2, Available: 1}, {SKU: "unheard-of", Requested: 1, Available: 0},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if changed(levels, holds) {
		t.Error("a refusal changed something")
	}
}

func TestDamagedUnitsAreWrittenOffWhenPickedAndTheRestIsReleased(t *testing.T) {
	t.Parallel()
	levels := stock.NewLevels([]stock.Level{level("apple", 5, 2), level("pear", 9, 0)})
	holds, order := stock.NewHolds(nil), uuid.New()
	goods := lines("apple", 3, "pear", 1)
	must[any](t)(stock.Reserve(levels, holds, contracts.ReserveStock{OrderID: order, Lines: goods}))

	got := must[any](t)(stock.Dispatch(levels, holds, contracts.DispatchOrder{OrderID: order, Lines: goods}))
	if want := (contracts.DispatchRefused{OrderID: order, Reason: contracts.ReasonDamaged}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	must[any](t)(stock.Release(levels, holds, contracts.ReleaseStock{OrderID: order}))

	apple, _ := levels.Get("apple")
	if want := (stock.Level{SKU: "apple", Received: 5, OnHand: 3, WrittenOff: 2}); apple != want {
		t.Errorf("apple: got %+v, want %+v", apple, want)
	}
	if pear, _ := levels.Get("pear"); pear != level("pear", 9, 0) {
		t.Errorf("pear: got %+v", pear)
	}
}

func TestReleaseOfNothingAnswersTheSame(t *testing.T) {
	t.Parallel()
	levels, holds, order := stock.NewLevels(nil), stock.NewHolds(nil), uuid.New()
	got := must[any](t)(stock.Release(levels, holds, contracts.ReleaseStock{OrderID: order}))
	if want := (contracts.StockReleased{OrderID: order}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if changed(levels, holds) {
		t.Error("a hold appeared")
	}
}

func TestNothingIsDispatchedThatIsNotHeld(t *testing.T) {
	t.Parallel()
	levels := stock.NewLevels([]stock.Level{level("apple", 5, 0)})
	holds, order, goods := stock.NewHolds(nil), uuid.New(), lines("apple", 3)

	got := must[any](t)(stock.Dispatch(levels, holds, contracts.DispatchOrder{OrderID: order, Lines: goods}))
	if want := (contracts.DispatchRefused{OrderID: order, Reason: contracts.ReasonOutOfStock}); got != want {
		t.Errorf("never reserved: got %+v, want %+v", got, want)
	}
	must[any](t)(stock.Reserve(levels, holds, contracts.ReserveStock{OrderID: order, Lines: goods}))
	for _, other := range [][]contracts.Line{lines("apple", 2), lines("apple", 3, "pear", 1), lines("pear", 0), nil} {
		if _, err := stock.Dispatch(levels, holds, contracts.DispatchOrder{OrderID: order, Lines: other}); !errors.Is(err, stock.ErrNonsense) {
			t.Errorf("other goods %v: got %v", other, err)
		}
	}
	must[any](t)(stock.Release(levels, holds, contracts.ReleaseStock{OrderID: order}))
	got = must[any](t)(stock.Dispatch(levels, holds, contracts.DispatchOrder{OrderID: order, Lines: goods}))
	if want := (contracts.DispatchRefused{OrderID: order, Reason: contracts.ReasonSuperseded}); got != want {
		t.Errorf("released: got %+v, want %+v", got, want)
	}
}

func TestNonsenseIsAnErrorAndChangesNothing(t *testing.T) {
	t.Parallel()
	for name, nonsense := range map[string][]contracts.Line{
		"no lines":    nil,
		"twice":       lines("apple", 1, "apple", 1),
		"zero":        lines("apple", 0),
		"negative":    lines("apple", -1),
		"too many":    lines("apple", 1001),
		"no SKU":      lines("", 1),
		"second line": lines("apple", 1, "pear", -5),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			levels, holds := stock.NewLevels([]stock.Level{level("apple", 5, 0), level("pear", 5, 0)}), stock.NewHolds(nil)
			_, err := stock.Reserve(levels, holds, contracts.ReserveStock{OrderID: uuid.New(), Lines: nonsense})
			if !errors.Is(err, stock.ErrNonsense) {
				t.Errorf("got %v", err)
			}
			if changed(levels, holds) {
				t.Error("changed something")
			}
		})
	}
}

func TestChanges(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change stock.Change
		want   stock.Level
		err    error
	}{
		{"receipt", stock.Change{Kind: stock.Receipt, SKU: "apple", Quantity: 2}, stock.Level{SKU: "apple", Received: 7, OnHand: 7, Damaged: 1}, nil},
		{"first receipt", stock.Change{Kind: stock.Receipt, SKU: "new", Quantity: 2}, level("new", 2, 0), nil},
		{"uncountable", stock.Change{Kind: stock.Receipt, SKU: "full", Quantity: 1}, stock.Level{}, stock.ErrTooMuchStock},
		{"damage", stock.Change{Kind: stock.Damage, SKU: "apple", Quantity: 4}, level("apple", 5, 5), nil},
		{"too much damage", stock.Change{Kind: stock.Damage, SKU: "apple", Quantity: 5}, stock.Level{}, stock.ErrTooMuchDamage},
		{"unknown damage", stock.Change{Kind: stock.Damage, SKU: "new", Quantity: 1}, stock.Level{}, stock.ErrUnknownSKU},
		{"nothing", stock.Change{Kind: stock.Receipt, SKU: "apple"}, stock.Level{}, stock.ErrNonsense},
		{"too much at once", stock.Change{Kind: stock.Receipt, SKU: "apple", Quantity: stock.MaxChange + 1}, stock.Level{}, stock.ErrNonsense},
		{"unknown kind", stock.Change{Kind: "theft", SKU: "apple", Quantity: 1}, stock.Level{}, stock.ErrNonsense},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			levels := stock.NewLevels([]stock.Level{level("apple", 5, 1), level("full", stock.MaxReceived, 0)})
			got, err := stock.Apply(levels, stock.NewJournal(nil), tt.change)
			if !errors.Is(err, tt.err) || got != tt.want {
				t.Errorf("got %+v, %v; want %+v, %v", got, err, tt.want, tt.err)
			}
			if tt.err != nil && changed(levels, stock.NewHolds(nil)) {
				t.Error("changed something")
			}
		})
	}
}

func TestARepeatedChangeAnswersTheSameAndHappensOnce(t *testing.T) {
	t.Parallel()
	levels, journal := stock.NewLevels([]stock.Level{level("apple", 5, 0)}), stock.NewJournal(nil)
	receipt := stock.Change{Operator: "olga", Key: "k1", Kind: stock.Receipt, SKU: "apple", Quantity: 2}
	first := must[stock.Level](t)(stock.Apply(levels, journal, receipt))
	other := receipt
	other.Key = "k2"
	must[stock.Level](t)(stock.Apply(levels, journal, other))

	journal = stock.NewJournal(journal.Unsaved()) // as another transaction would read it
	if again := must[stock.Level](t)(stock.Apply(levels, journal, receipt)); again != first {
		t.Errorf("got %+v, want %+v", again, first)
	}
	if apple, _ := levels.Get("apple"); apple.OnHand != 9 || len(journal.Unsaved()) != 0 {
		t.Errorf("happened again: %+v", apple)
	}
	other.Quantity = 3
	if _, err := stock.Apply(levels, journal, other); !errors.Is(err, stock.ErrKeyReused) {
		t.Errorf("other change, same key: got %v", err)
	}
	other.Operator = "oscar"
	must[stock.Level](t)(stock.Apply(levels, journal, other))
}
