package exploration

import (
	"fmt"
	"strings"

	"ordersaga.internal/processmanager/internal/fulfilment"
	"ordersaga.internal/processmanager/saga"
	"ordersaga.internal/processmanager/saga/explore"
)

// outcome names what was decided about an order, by whom it may be decided, and what came of it (I7): in whatever order
// messages came, only a race of a cancellation or a deadline with an answer may lead to different ends.
func outcome(v explore.View[fulfilment.Order]) (decided, end string) {
	w := read(v)
	var list []string
	say := func(yes bool, text string) {
		if yes {
			list = append(list, text)
		}
	}
	say(w.goods.soldOut, "sold out")
	say(w.money.ledger.authorized == "refused", "declined")
	say(w.money.ledger.captured == "refused", "capture refused")
	say(w.goods.writtenOff > 0, "damaged")
	say(w.shop.cancellation != "", "cancellation asked for")
	say(w.Reason == saga.TimedOut, "gave up "+w.Failed)
	for _, p := range w.Steps {
		say(p.Outcome == saga.Waived, "waived "+p.Step)
	}
	if len(list) == 0 {
		list = []string{"nothing"}
	}
	l := w.money.ledger
	money := "no money moved"
	switch {
	case l.captured == "done" && l.refunded:
		money = "captured and refunded"
	case l.captured == "done":
		money = "captured"
	case l.voided:
		money = "voided"
	case l.authorized == "done":
		money = "authorised"
	}
	return strings.Join(list, ", "), fmt.Sprintf("%s (%s: %s), %s, %d dispatched", w.State, w.Failed, w.Reason, money, w.goods.dispatched)
}
