package stock_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"ordersaga.internal/contracts"
	"ordersaga.internal/services/warehouse/internal/stock"
)

// warehouse is the model: what each order asked for and may do next, in plain counters that know no levels.
type warehouse struct {
	levels   *stock.Levels
	holds    *stock.Holds
	orders   []contracts.ReserveStock
	received map[string]int64
}

var skus = []string{"apple", "pear", "plum"}

func (w *warehouse) change(t *rapid.T) {
	c := stock.Change{
		Kind: rapid.SampledFrom([]stock.Kind{stock.Receipt, stock.Damage}).Draw(t, "kind"),
		SKU:  rapid.SampledFrom(skus).Draw(t, "sku"), Quantity: rapid.Int64Range(1, 9).Draw(t, "quantity"),
	}
	if _, err := stock.Apply(w.levels, stock.NewJournal(nil), c); err == nil && c.Kind == stock.Receipt {
		w.received[c.SKU] += c.Quantity
	}
}

func (w *warehouse) reserve(t *rapid.T) {
	wanted := rapid.SliceOfNDistinct(rapid.SampledFrom(skus), 1, len(skus), rapid.ID).Draw(t, "skus")
	c := contracts.ReserveStock{OrderID: uuid.NewSHA1(uuid.Nil, fmt.Append(nil, len(w.orders)))}
	free := true
	for _, sku := range wanted {
		line := contracts.Line{SKU: sku, Quantity: rapid.IntRange(1, 6).Draw(t, "quantity")}
		level, _ := w.levels.Get(sku)
		free = free && level.OnHand >= int64(line.Quantity)
		c.Lines = append(c.Lines, line)
	}
	answer, err := stock.Reserve(w.levels, w.holds, c)
	if err != nil {
		t.Fatal(err)
	}
	if _, reserved := answer.(contracts.StockReserved); reserved != free {
		t.Fatalf("free %t, answer %+v", free, answer)
	}
	w.orders = append(w.orders, c)
}

func (w *warehouse) release(t *rapid.T) {
	if len(w.orders) == 0 {
		t.Skip("no order")
	}
	c := rapid.SampledFrom(w.orders).Draw(t, "order")
	if _, err := stock.Release(w.levels, w.holds, contracts.ReleaseStock{OrderID: c.OrderID}); err != nil {
		t.Fatal(err)
	}
	if hold, _ := w.holds.Get(c.OrderID); hold.State == stock.Held {
		t.Fatal("still held")
	}
}

func (w *warehouse) dispatch(t *rapid.T) {
	if len(w.orders) == 0 {
		t.Skip("no order")
	}
	c := rapid.SampledFrom(w.orders).Draw(t, "order")
	before, _ := w.holds.Get(c.OrderID)
	answer, err := stock.Dispatch(w.levels, w.holds, contracts.DispatchOrder{OrderID: c.OrderID, Lines: c.Lines})
	if _, dispatched := answer.(contracts.OrderDispatched); dispatched && before.State != stock.Held {
		t.Fatalf("dispatched from %+v (%v)", before, err)
	}
}

// conserved checks every level by itself and against the holds.
func (w *warehouse) conserved(t *rapid.T) {
	held, dispatched := map[string]int64{}, map[string]int64{}
	for _, c := range w.orders {
		hold, _ := w.holds.Get(c.OrderID)
		for _, line := range hold.Lines {
			switch hold.State {
			case stock.Held:
				held[line.SKU] += int64(line.Quantity)
			case stock.Dispatched:
				dispatched[line.SKU] += int64(line.Quantity)
			case stock.Released:
			}
		}
	}
	for _, sku := range skus {
		level, _ := w.levels.Get(sku)
		if err := level.Check(); err != nil {
			t.Fatal(err)
		}
		if level.Received != w.received[sku] || level.Reserved != held[sku] || level.Dispatched != dispatched[sku] {
			t.Fatalf("%+v, but received %d, held %d, dispatched %d", level, w.received[sku], held[sku], dispatched[sku])
		}
	}
}

// Whatever is asked in whatever order, no unit appears, vanishes or is promised twice (I2).
func TestStockIsConserved(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := &warehouse{levels: stock.NewLevels(nil), holds: stock.NewHolds(nil), received: map[string]int64{}}
		t.Repeat(map[string]func(*rapid.T){
			"change": w.change, "reserve": w.reserve, "release": w.release, "dispatch": w.dispatch, "": w.conserved,
		})
	})
}
