package participant_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/warehouse/internal/stock"
)

// Orders of all partitions share the same few goods, in every order of lines, at two replicas with two workers each:
// nothing is promised twice, nobody waits in a circle, and in the end no order holds anything.
func TestOrdersShareGoods(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	r := f.start("1")
	r2 := f.startOn("2", f.db.Open(t))
	skus := make([]string, 6)
	for i := range skus {
		skus[i] = fmt.Sprintf("SKU-%d", i)
		f.receive(r, skus[i], 150)
	}
	f.change(r, stock.Change{Key: "d", Kind: stock.Damage, SKU: skus[0], Quantity: 10})

	const orders = 400
	lines := make(map[uuid.UUID][]contracts.Line, orders)
	for i := range orders {
		id := uuid.New()
		for _, n := range rand.Perm(len(skus))[:3] {
			lines[id] = append(lines[id], contracts.Line{SKU: skus[n], Quantity: 1 + i%2})
		}
		f.send(reserve(id, lines[id]))
	}
	outcome := map[string]int{}
	for id, l := range lines {
		switch f.answer(reserve(id, nil)).(type) {
		case contracts.StockReserved:
			f.send(dispatch(id, l), dispatch(id, l))
		case contracts.StockReservationRefused:
			outcome["refused"]++
			f.send(release(id))
			delete(lines, id)
		}
	}
	for id := range lines {
		switch f.answer(dispatch(id, nil)).(type) {
		case contracts.OrderDispatched:
			outcome["dispatched"]++
		case contracts.DispatchRefused:
			outcome["damaged"]++
			f.send(release(id))
			f.answer(release(id))
		}
	}
	if outcome["refused"] == 0 || outcome["dispatched"] == 0 || outcome["damaged"] == 0 {
		t.Errorf("not every outcome: %v", outcome)
	}
	f.conserved()
	if n := f.count(`SELECT count(*) FROM holds WHERE state = 'held'`); n != 0 {
		t.Errorf("%d orders still hold something", n)
	}
	if n := f.count(`SELECT sum(written_off) FROM stock`); n != 10 {
		t.Errorf("%d units written off, want 10", n)
	}
	testkit.Eventually(t, func() bool { return f.count(`SELECT count(*) FROM outbox`) == 0 }, "everything is published")
	for _, r := range []*replica{r, r2} {
		families, err := r.metrics.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, family := range families {
			if family.GetName() == "messaging_retries_total" { // a deadlock would be one
				t.Errorf("transactions were tried again: %v", family)
			}
		}
	}
}
