package participant_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/warehouse/internal/stock"
)

// An operator mends a release, and names another order in it: then what it should free stayed reserved for ever, and the saga
// would be told that it is free.
func TestAnEditNamesNoOtherOrder(t *testing.T) {
	t.Parallel()
	f := newFloor(t)
	r := f.start("1")
	f.receive(r, "apple", 5)
	order, other := uuid.New(), uuid.New()
	f.send(reserve(order, goods("apple", 3)))
	want(t, f.answer(reserve(order, nil)), contracts.StockReserved{OrderID: order})
	f.produce(f.record(release(order), []byte("{")), f.record(reserve(other, goods("apple", 1)), []byte(`{"order_id":"`+order.String()+`","lines":[]}`)))
	var letters []messaging.Letter
	testkit.Eventually(t, func() bool {
		var err error
		letters, err = r.DeadLetters(t.Context(), messaging.LetterFilter{Limit: 10})
		require.NoError(t, err)
		return len(letters) == 2
	}, "they are set aside")
	for _, l := range letters {
		require.Equal(t, "unreadable", l.Reason)
		if l.Subject != order {
			continue
		}
		wish := messaging.Wish{Operator: "olga", Reason: "a typing error"}
		_, err := r.EditLetter(t.Context(), l.ID, messaging.Edit{Value: []byte(`{"order_id":"` + other.String() + `"}`)}, wish)
		var flawed *messaging.FlawedError
		require.ErrorAs(t, err, &flawed)
		_, err = r.EditLetter(t.Context(), l.ID, messaging.Edit{Value: []byte(`{"order_id":"` + order.String() + `"}`)}, wish)
		require.NoError(t, err)
		_, err = r.Redrive(t.Context(), l.ID, wish)
		require.NoError(t, err)
	}
	want(t, f.answer(release(order)), contracts.StockReleased{OrderID: order})
	want(t, f.level("apple"), stock.Level{SKU: "apple", Received: 5, OnHand: 5})
}
