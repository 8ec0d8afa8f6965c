package check_test

import (
	"slices"
	"strings"

	"ordersaga.internal/scripts/internal/check"
)

func tableCorruptions() []corruption {
	return []corruption{
		{"an order's row with another status", func(h *history) { h.rows(completes).Order.Status = "cancelled" }, "I6", "in the order service"},
		{"an order's row that never ended", func(h *history) {
			h.rows(completes).Order.Status, h.rows(completes).Order.Finished = "placed", false
		}, "I6", "in the order service"},
		{"an order's row with another total", func(h *history) { h.rows(completes).Order.Total.Minor++ }, "effect", "but said so"},
		{"an order's row with other lines", func(h *history) { h.rows(completes).Order.Lines[1].Quantity++ }, "effect", "but said so"},
		{"an order's row with another reason", func(h *history) { h.rows(declined).Order.Reason = "expired" }, "effect", "reason"},
		{"an order's row with a wish forgotten", func(h *history) { h.rows(cancelled).Order.Cancellation = "none" }, "effect", "cancellation none"},
		{"an order's row gone", func(h *history) { h.rows(completes).Order = nil }, "I8", "has no such order"},
		{"an order of which nothing speaks", func(h *history) {
			id, _ := check.ParseID(other)
			own := *h.rows(completes).Order
			h.Tables[id] = &check.Rows{Order: &own}
		}, "effect", "no message speaks of it"},
		{"a hold of which nothing speaks", func(h *history) {
			id, _ := check.ParseID(other)
			h.Tables[id] = &check.Rows{Hold: &check.HoldRow{State: "held"}}
		}, "effect", "warehouse.holds has it"},
		{"accepted and never placed", func(h *history) {
			id, _ := check.ParseID(other)
			h.Told.Accepted = append(h.Told.Accepted, id)
		}, "I8", "answered 202"},
		{"refused and placed", func(h *history) { h.Told.Refused = []string{h.rows(completes).Order.Key} }, "I8", "was refused"},
		{"messages of an order that was never placed", func(h *history) {
			h.drop(completes, "OrderPlaced")
		}, "I8 promise cause effect I2", "never placed"},
		{"an operation with another amount", func(h *history) { h.operation(completes, "capture").Amount.Minor++ }, "effect", "payment's capture"},
		{"an operation with another entry", func(h *history) { h.operation(completes, "capture").Entry = "capture_0" }, "effect", "as \"capture_0\""},
		{"an operation in another state", func(h *history) { h.operation(completes, "capture").State = "undone" }, "effect", "is undone"},
		{"an operation that counts other failures", func(h *history) { h.operation(owed, "authorization").Failures = 3 }, "effect", "counts 3 failed undos"},
		{"an operation that undid less", func(h *history) { h.operation(damaged, "capture").Undone-- }, "effect", "undone, but"},
		{"an operation gone", func(h *history) { h.rows(completes).Operations = h.rows(completes).Operations[:1] }, "effect", "but payment has no capture"},
		{"an instance in another state", func(h *history) { h.rows(completes).Instance.State = "rejected" }, "I7", "all messages together come to completed"},
		{"an instance whose step has another outcome", func(h *history) {
			i := h.rows(damaged).Instance
			i.Steps = strings.Replace(i.Steps, "undone", "succeeded", 1)
		}, "I7", "all messages together come to undone"},
		{"an instance that forgot a step", func(h *history) {
			i := h.rows(completes).Instance
			i.Steps = i.Steps[:strings.LastIndexByte(i.Steps, '\n')]
		}, "I7", "complete is \"\""},
		{"an instance that failed elsewhere", func(h *history) { h.rows(declined).Instance.Failed = "dispatch" }, "I7", "its instance failed at"},
		{"an instance that sent less", func(h *history) { h.rows(completes).Instance.Sequence-- }, "effect", "has sent 4 commands"},
		{"an instance of another customer", func(h *history) { h.rows(completes).Instance.Customer = "bob" }, "effect", "of customer bob"},
		{"an instance gone", func(h *history) {
			h.rows(completes).Instance, h.rows(completes).History = nil, nil
		}, "effect", "there is no saga instance"},
		{"a history without an event", func(h *history) {
			h.rows(cancelledTooLate).History = slices.DeleteFunc(h.rows(cancelledTooLate).History, func(r check.HistoryRow) bool {
				return r.Type == "OrderCancellationDeclined.v1"
			})
		}, "effect", "never heard OrderCancellationDeclined.v1"},
		{"a history with an event of nobody", func(h *history) { h.line(completes, "StockReserved.v1").Input[0]++ }, "effect", "which is not in the log"},
		{"a history that sent another command", func(h *history) {
			h.line(completes, "StockReserved.v1").Commands = []string{"ReleaseStock.v1#1"}
		}, "effect", "by its history, command number 2"},
		{"a history of another offset", func(h *history) { h.line(completes, "StockReserved.v1").Offset += 1000 }, "effect I5", "but that is StockReserved.v1"},
		{"a wish without an operator", func(h *history) { h.line(waived, "saga.Waive").Operator = "" }, "effect cause", "no input of a saga"},
		{"waived by nobody", func(h *history) {
			h.rows(waived).History = slices.DeleteFunc(h.rows(waived).History, func(r check.HistoryRow) bool { return r.Type == "saga.Waive" })
		}, "effect cause", "no operator did so"},
		{"a memory of another answer", func(h *history) {
			h.memory(completes, "stock", false).Data = `{"order_id":"` + other + `"}`
		}, "effect", "answered ReserveStock.v1"},
		{"a memory of an answer that nobody heard", func(h *history) { h.memory(completes, "dispatch", false).Sequence = 9 }, "promise effect", "the log has no such message"},
		{"a memory gone", func(h *history) {
			h.rows(completes).Fence = slices.DeleteFunc(h.rows(completes).Fence, func(r check.FenceRow) bool { return r.Operation == "capture" })
		}, "effect", "remembers no such command"},
		{"a memory of another attempt", func(h *history) { h.memory(sentAgain, "capture", false).Attempt = 1 }, "effect", "has seen attempt 1"},
		{"a memory of what was never asked", func(h *history) { h.memory(completes, "stock", false).Undo = true }, "effect", "never asked for"},
		{"a catalogue with another price", func(h *history) { h.Common.Products[10].Price.Minor++ }, "effect", "the catalogue has"},
		{"orders in flight miscounted", func(h *history) { h.Common.Counted++ }, "effect", "have not ended"},
	}
}

func alertCorruptions() []corruption {
	return []corruption{
		{"an owed compensation that alerts nobody", func(h *history) { h.rows(owed).Instance.Stuck = "" }, "I6", "alerts nobody"},
		{"an order that just hangs", func(h *history) {
			h.Common.Letters, h.Common.Heads = nil, nil
		}, "I6", "waits for an answer to its last command, DispatchOrder"},
		{"a dead letter that alerts nobody", func(h *history) { h.Common.Heads = nil }, "I5 I6", "nothing of the order waits for it"},
		{"a head without a dead letter", func(h *history) { h.Common.Letters = nil }, "I5", "that is not there"},
		{"a command overtook a dead letter", func(h *history) { h.letter(completes, "payment", "AuthorizePayment") }, "I5", "payment answered CapturePayment.v1"},
		{"an event overtook a dead letter", func(h *history) { h.letter(completes, "processmanager", "StockReserved") }, "I5", "the process manager handled OrderDispatched.v1"},
		{"an event that was redriven too late, by the history", func(h *history) {
			first, later := h.line(completes, "StockReserved.v1"), h.line(completes, "OrderDispatched.v1")
			first.Transition, later.Transition = later.Transition, first.Transition
		}, "I5 effect", "by its history the process manager handled OrderDispatched.v1"},
		{"an event that was redriven too late, by the commands", func(h *history) {
			set(h.record(completes, "AuthorizePayment"), "ce_causationid", header(h.record(completes, "OrderDispatched"), "ce_id"))
			set(h.record(completes, "CompleteOrder"), "ce_causationid", header(h.record(completes, "StockReserved"), "ce_id"))
		}, "I5 cause", "by its commands the process manager handled OrderDispatched.v1"},
		{"a dead letter of nobody", func(h *history) {
			id, _ := check.ParseID(other)
			h.Common.Letters = append(h.Common.Letters, check.Letter{Group: "payment", Subject: &id, Topic: "payment.commands", Reason: "behind"})
		}, "effect", "it has dead letters"},
		{"an instance that is over but stuck", func(h *history) { h.rows(completes).Instance.Stuck = "who knows" }, "cause", "is over but stuck"},
	}
}
