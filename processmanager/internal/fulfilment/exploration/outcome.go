package exploration

import (
	"fmt"
	"slices"
	"strings"

	"ordersaga.internal/processmanager/internal/fulfilment"
	"ordersaga.internal/processmanager/saga"
	"ordersaga.internal/processmanager/saga/explore"
)

// OneEnd says where one decision led to different ends (I7). Only where somebody cancelled or waived, or a step was given up,
// may it: a true race.
func OneEnd(r explore.Result) []string {
	var wrong []string
	for decided, ends := range r.Outcomes {
		races := strings.Contains(decided, "cancellation") || strings.Contains(decided, "gave up") || strings.Contains(decided, "waived")
		if len(ends) != 1 && !races {
			wrong = append(wrong, fmt.Sprintf("I7: %s, and %d ends: %s", decided, len(ends), strings.Join(ends, "; ")))
		}
	}
	slices.Sort(wrong)
	return wrong
}

// decisions are what was decided about an order, by whom it may be decided.
func (w *world) decisions() []string {
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
	return list
}

// outcome names what was decided about an order, and what came of it (I7): in whatever order messages came, only a race of a
// cancellation or a deadline with an answer may lead to different ends.
func outcome(v explore.View[fulfilment.Order]) (decided, end string) {
	w := read(v)
	list := w.decisions()
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
