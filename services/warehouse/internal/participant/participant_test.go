package participant_test

import (
	"errors"
	"reflect"
	"testing"

	"github.com/google/uuid"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/warehouse/internal/participant"
	"ordersaga.internal/services/warehouse/internal/stock"
)

func goods(sku string, quantity int) []contracts.Line {
	return []contracts.Line{{SKU: sku, Quantity: quantity}}
}

func reserve(order uuid.UUID, lines []contracts.Line) command {
	return do(contracts.ReserveStock{OrderID: order, Lines: lines})
}

func release(order uuid.UUID) command { return do(contracts.ReleaseStock{OrderID: order}) }

func dispatch(order uuid.UUID, lines []contracts.Line) command {
	return do(contracts.DispatchOrder{OrderID: order, Lines: lines, ShipTo: "addr_home"})
}

func want(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestAnOrderIsReservedAndDispatched(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	f.receive(f.start("1"), "apple", 5)
	order := uuid.New()

	f.send(reserve(order, goods("apple", 3)))
	want(t, f.answer(reserve(order, nil)), contracts.StockReserved{OrderID: order})
	want(t, f.level("apple"), stock.Level{SKU: "apple", Received: 5, OnHand: 2, Reserved: 3})

	f.send(dispatch(order, goods("apple", 3)))
	want(t, f.answer(dispatch(order, nil)), contracts.OrderDispatched{OrderID: order, ShipmentID: stock.ShipmentID(order)})
	want(t, f.level("apple"), stock.Level{SKU: "apple", Received: 5, OnHand: 2, Dispatched: 3})
	f.conserved()
}

// Scenario 4.
func TestARefusalNamesEveryShortage(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	f.receive(f.start("1"), "apple", 1)
	order := uuid.New()
	lines := append(goods("apple", 2), goods("unheard-of", 1)...)
	f.send(reserve(order, lines))
	want(t, f.answer(reserve(order, nil)), contracts.StockReservationRefused{
		OrderID: order, Reason: contracts.ReasonOutOfStock, Shortages: []contracts.Shortage{
			{SKU: "apple", Requested: 2, Available: 1}, {SKU: "unheard-of", Requested: 1},
		},
	})
	f.send(release(order)) // nothing to undo
	want(t, f.answer(release(order)), contracts.StockReleased{OrderID: order})
	want(t, f.level("apple"), stock.Level{SKU: "apple", Received: 1, OnHand: 1})
}

// Scenario 7.
func TestDamagedUnitsAreFoundWhenPicked(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	r := f.start("1")
	f.receive(r, "apple", 5)
	f.change(r, stock.Change{Key: "d", Kind: stock.Damage, SKU: "apple", Quantity: 1})
	order, next := uuid.New(), uuid.New()

	f.send(reserve(order, goods("apple", 3)), dispatch(order, goods("apple", 3)), release(order))
	want(t, f.answer(dispatch(order, nil)), contracts.DispatchRefused{OrderID: order, Reason: contracts.ReasonDamaged})
	want(t, f.answer(release(order)), contracts.StockReleased{OrderID: order})
	want(t, f.level("apple"), stock.Level{SKU: "apple", Received: 5, OnHand: 4, WrittenOff: 1})

	f.send(reserve(next, goods("apple", 4)), dispatch(next, goods("apple", 4)))
	want(t, f.answer(dispatch(next, nil)), contracts.OrderDispatched{OrderID: next, ShipmentID: stock.ShipmentID(next)})
	f.conserved()
}

// Scenario 15.
func TestACompensationBeforeItsCommandLeavesATombstone(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	f.receive(f.start("1"), "apple", 5)
	order := uuid.New()
	f.send(release(order))
	want(t, f.answer(release(order)), contracts.StockReleased{OrderID: order})
	f.send(reserve(order, goods("apple", 3)))
	want(t, f.answer(reserve(order, nil)), contracts.StockReservationRefused{OrderID: order, Reason: contracts.ReasonSuperseded})
	want(t, f.level("apple"), stock.Level{SKU: "apple", Received: 5, OnHand: 5})
}

// Scenarios 16 and 28.
func TestCommandAndCompensationAtOnceBothDuplicated(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	f.receive(f.start("1"), "apple", 1000)
	f.start("2")
	orders := make([]uuid.UUID, 50)
	for i := range orders {
		orders[i] = uuid.New()
		do, undo := reserve(orders[i], goods("apple", 2)), release(orders[i])
		if i%2 == 0 {
			f.send(do, undo, do, undo, do.again(2), undo.again(2))
		} else {
			f.send(undo, do, undo, do, undo.again(2), do.again(2))
		}
	}
	for _, order := range orders {
		f.answers(release(order), 2)
	}
	want(t, f.level("apple"), stock.Level{SKU: "apple", Received: 1000, OnHand: 1000})
	f.conserved()
}

// Scenario 17.
func TestARepeatedCommandSendsTheRecordedAnswerOrNothing(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	f.receive(f.start("1"), "apple", 5)
	order, fence := uuid.New(), uuid.New()
	c := reserve(order, goods("apple", 3))
	f.send(c, c, c.again(2), c.again(2), c, c.again(3))

	answers := f.answers(c, 3)
	for _, a := range answers {
		want(t, a, answers[0]) // id, sequence and all
	}
	f.send(c) // an old attempt once more, then something that is answered for sure
	f.send(reserve(fence, goods("apple", 1)))
	f.answer(reserve(fence, nil))
	f.send(release(order))
	f.answer(release(order))
	if n := len(f.log(order)); n != 4 {
		t.Errorf("%d records, want 3 times StockReserved and 1 StockReleased", n)
	}
	want(t, f.level("apple"), stock.Level{SKU: "apple", Received: 5, OnHand: 4, Reserved: 1})
}

// Scenario 18.
func TestARepeatedCompensationSendsTheRecordedAnswerOrNothing(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	f.receive(f.start("1"), "apple", 5)
	order, fence := uuid.New(), uuid.New()
	f.send(reserve(order, goods("apple", 3)))
	c := release(order)
	f.send(c, c, c.again(2), c, c.again(2), c.again(3))
	for _, a := range f.answers(c, 3) {
		want(t, a, f.answers(c, 3)[0]) // id, sequence and all
	}
	f.send(c, reserve(fence, goods("apple", 1)), release(fence))
	f.answer(release(fence))
	if n := len(f.log(order)); n != 4 {
		t.Errorf("%d records, want 1 StockReserved and 3 times StockReleased", n)
	}
	want(t, f.level("apple"), stock.Level{SKU: "apple", Received: 5, OnHand: 5})
	f.conserved()
}

// Scenario 8.
func TestTheLastUnitAndAHundredBuyers(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	f.receive(f.start("1"), "last", 1)
	f.startOn("2", f.db.Open(t))
	buyers := make([]command, 100)
	for i := range buyers {
		buyers[i] = reserve(uuid.New(), goods("last", 1))
	}
	f.send(buyers...)
	won := 0
	for _, c := range buyers {
		switch a := f.answer(c).(type) {
		case contracts.StockReserved:
			won++
			f.send(dispatch(a.OrderID, goods("last", 1)))
			f.answer(dispatch(a.OrderID, nil))
		case contracts.StockReservationRefused:
			f.send(release(a.OrderID))
		}
	}
	if won != 1 {
		t.Errorf("%d buyers got the last unit", won)
	}
	want(t, f.level("last"), stock.Level{SKU: "last", Received: 1, Dispatched: 1})
	f.conserved()
}

// Scenario 30: what cannot be decided waits; its compensation closes it, and it never acts.
func TestPoisonIsSupersededByItsCompensation(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	f.receive(f.start("1"), "apple", 5)
	order, neighbour := uuid.New(), uuid.New()
	poison := reserve(order, goods("apple", -3))
	f.send(poison)
	f.produce(f.record(reserve(order, nil).again(2), []byte(`{"order_id":`)))
	f.send(reserve(neighbour, goods("apple", 1)))
	f.answer(reserve(neighbour, nil))
	testkit.Eventually(t, func() bool { return f.count(`SELECT count(*) FROM dead_letter_heads`) == 1 }, "a dead letter")

	f.send(release(order))
	want(t, f.answer(release(order)), contracts.StockReleased{OrderID: order})
	testkit.Eventually(t, func() bool { return f.count(`SELECT count(*) FROM dead_letter_heads`) == 0 }, "no dead letter")
	f.send(reserve(order, goods("apple", 3)).again(3))
	want(t, f.answer(reserve(order, nil)), contracts.StockReservationRefused{OrderID: order, Reason: contracts.ReasonSuperseded})
	want(t, f.level("apple"), stock.Level{SKU: "apple", Received: 5, OnHand: 4, Reserved: 1})
	f.conserved()
}

func TestChangesHappenOnceHoweverOftenTheyAreTold(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	replicas := []*replica{f.start("1"), f.startOn("2", f.db.Open(t))}
	first := stock.Change{Operator: "olga", Key: "k", Kind: stock.Receipt, SKU: "new", Quantity: 7}

	results := make(chan error, 40)
	for i := range cap(results) {
		go func() {
			c := first
			if i%4 == 0 {
				c.Key = "other" // another first receipt of the same SKU, at once
			}
			results <- replicas[i%2].Submit(t.Context(), (&participant.Change{Change: c}).Input())
		}()
	}
	for range cap(results) {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	want(t, f.level("new"), stock.Level{SKU: "new", Received: 14, OnHand: 14})

	first.Quantity = 8
	err := replicas[0].Submit(t.Context(), (&participant.Change{Change: first}).Input())
	if !errors.Is(err, stock.ErrKeyReused) {
		t.Errorf("another change under the same key: %v", err)
	}
}
