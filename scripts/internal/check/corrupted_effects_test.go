package check_test

import (
	"slices"

	"ordersaga.internal/scripts/internal/check"
)

func moneyCorruptions() []corruption {
	change := func(life int, operation string, by float64) func(h *history) {
		return func(h *history) {
			e, put := h.entry(life, operation, "succeeded")
			e["amount_minor"] = e["amount_minor"].(float64) + by
			put()
		}
	}
	return []corruption{
		{"a cent too much authorised", change(completes, "authorize", 1), "I1 effect", "asked for"},
		{"a cent too much captured", change(completes, "capture", 1), "I1 effect", "asked for"},
		{"a refund too large", change(damaged, "refund", 1), "I1 effect", "let go of more than it held"},
		{"a refund too small", change(damaged, "refund", -1), "I1 effect", "dispatched goods are worth 0"},
		{"a void too small", change(cancelled, "void", -1), "I1 effect", "money is still held"},
		{"a void missing", func(h *history) { h.strike(cancelled, "void", "succeeded") }, "I1 effect", "money is still held"},
		{"a refund missing", func(h *history) { h.strike(damaged, "refund", "succeeded") }, "I1 effect", "dispatched goods are worth 0"},
		{"a capture missing", func(h *history) { h.strike(completes, "capture", "succeeded") }, "I3 I1 effect", "it was dispatched"},
		{"a capture twice", func(h *history) {
			e, _ := h.entry(completes, "capture", "succeeded")
			h.enter(e, "capture_x")
		}, "I4 I1 effect", "the provider did it twice"},
		{"an authorisation twice, under another key", func(h *history) {
			e, _ := h.entry(completes, "authorize", "succeeded")
			e["key"] = other
			h.enter(e, "authorize_x")
		}, "I4 I1 effect", "the provider did it twice"},
		{"an effect without an intent", func(h *history) {
			e, _ := h.entry(completes, "authorize", "succeeded")
			e["reference"], e["key"] = h.order(soldOut).String(), other
			h.enter(e, "authorize_x")
		}, "effect I1", "no AuthorizePayment.v1 was ever sent"},
		{"an effect for nobody", func(h *history) {
			e, _ := h.entry(completes, "authorize", "succeeded")
			e["reference"] = "somebody"
			h.enter(e, "authorize_x")
		}, "effect", "is no order"},
		{"an effect for an order that was never placed", func(h *history) {
			e, _ := h.entry(completes, "authorize", "succeeded")
			e["reference"] = other
			h.enter(e, "authorize_x")
		}, "effect", "no message speaks of the order"},
		{"money of another order", func(h *history) {
			e, put := h.entry(completes, "capture", "succeeded")
			theirs, _ := h.entry(flaps, "authorize", "succeeded")
			e["authorization"] = theirs["id"]
			put()
		}, "effect", "is not this order's"},
		{"another card", func(h *history) {
			e, put := h.entry(completes, "authorize", "succeeded")
			e["payment_method"] = "pm_flap"
			put()
		}, "effect", "asked for pm_ok"},
		{"another currency", func(h *history) {
			e, put := h.entry(completes, "capture", "succeeded")
			e["currency"] = "USD"
			put()
		}, "I1", "asked for"},
		{"something that payment does not ask for", func(h *history) {
			e, _ := h.entry(completes, "capture", "succeeded")
			e["operation"] = "payout"
			h.enter(e, "payout_x")
		}, "effect", "nothing that payment asks for"},
		{"a key closed that is nobody's", func(h *history) {
			h.enter(map[string]any{"operation": "close", "outcome": "closed", "key": other, "amount_minor": 0}, "close_x")
		}, "effect", "is no order's"},
		{"a key closed of what completed", func(h *history) {
			e, _ := h.entry(completes, "capture", "succeeded")
			h.enter(map[string]any{"operation": "close", "outcome": "closed", "key": e["key"], "amount_minor": 0}, "close_x")
		}, "effect", "neither undone nor refused"},
		{"declined, but never asked", func(h *history) { h.strike(declined, "authorize", "refused") }, "effect", "the provider refused nothing"},
		{"a failed undo that was not told", func(h *history) {
			e, _ := h.entry(owed, "void", "refused")
			key := e["key"].(string)
			e["key"] = key[:len(key)-1] + "1"
			h.enter(e, "void_x")
		}, "effect", "the provider refused 2 undos"},
		{"said to be more than was asked for", func(h *history) {
			h.reword(completes, "PaymentCaptured", `"amount_minor":11994`, `"amount_minor":11995`)
		}, "I1 effect", "asked for"},
		{"a command for a cent more", func(h *history) {
			h.reword(completes, "CapturePayment", `"amount_minor":11994`, `"amount_minor":11995`)
		}, "I1 effect", "but the order is worth"},
		{"a price that never was", func(h *history) {
			h.reword(declined, "OrderPlaced", `"unit_price":{"amount_minor":1999`, `"unit_price":{"amount_minor":1998`)
			h.rows(declined).Order.Lines[0].Price.Minor = 1998
		}, "I1", "was never its price"},
		{"a total that does not add up", func(h *history) {
			h.reword(soldOut, "OrderPlaced", `"total":{"amount_minor":13996`, `"total":{"amount_minor":13995`)
			h.rows(soldOut).Order.Total.Minor = 13995
		}, "I1", "but its lines come to"},
	}
}

func goodsCorruptions() []corruption {
	return []corruption{
		{"oversold", func(h *history) {
			h.Told.Goods = append(h.Told.Goods, check.Goods{SKU: "SKU-0001", Received: -999_999})
			h.Common.Changes = append(h.Common.Changes, check.ChangeRow{Kind: "receipt", SKU: "SKU-0001", Quantity: -999_999})
		}, "I2", "SKU-0001 is oversold"},
		{"a unit more on hand", func(h *history) { h.stock("SKU-0002").OnHand++ }, "I2", "SKU-0002: the warehouse says"},
		{"a unit less dispatched", func(h *history) {
			h.stock("SKU-0003").Dispatched--
			h.stock("SKU-0003").OnHand++
		}, "I2", "SKU-0003: the warehouse says"},
		{"a SKU gone", func(h *history) {
			h.Common.Stock = slices.DeleteFunc(h.Common.Stock, func(r check.StockRow) bool { return r.SKU == "SKU-0500" })
		}, "I2", "SKU-0500: the warehouse says"},
		{"a receipt that nobody declared", func(h *history) {
			h.Common.Changes = append(h.Common.Changes, check.ChangeRow{Kind: "receipt", SKU: "SKU-0500", Quantity: 1})
		}, "I2", "the warehouse was told"},
		{"a hold for ever", func(h *history) {
			h.rows(damaged).Hold.State = "held"
		}, "I2 effect", "still holds stock"},
		{"a hold of other goods", func(h *history) { h.rows(completes).Hold.Lines[0].Quantity++ }, "effect", "other quantities"},
		{"a hold gone", func(h *history) { h.rows(completes).Hold = nil }, "effect", "has no hold"},
		{"a hold that was never told", func(h *history) {
			h.rows(soldOut).Hold = &check.HoldRow{State: "released", Lines: []check.Line{{SKU: "SKU-0001", Quantity: 2}}}
		}, "effect", "never said so"},
		{"damage where none was", func(h *history) {
			for i := range h.Told.Goods {
				h.Told.Goods[i].Damaged = 0
			}
		}, "I2", "no damage of its goods was declared"},
		{"nothing written off", func(h *history) {
			h.rows(damaged).Hold.Lines = []check.Line{{SKU: "SKU-0002", Quantity: 2}, {SKU: "DAMAGED", Quantity: 2}}
		}, "I2", "nothing of its hold was written off"},
		{"refused though there was enough", func(h *history) {
			h.reword(soldOut, "StockReservationRefused", `"SOLD-OUT"`, `"SKU-0001"`)
		}, "I2", "was refused to"},
		{"refused for more than was asked for", func(h *history) {
			h.reword(soldOut, "StockReservationRefused", `"requested":2`, `"requested":5`)
		}, "I2", "the order wants 2"},
		{"no longer there, though it was reserved", func(h *history) {
			h.reword(damaged, "DispatchRefused", `"damaged"`, `"out_of_stock"`)
			h.reword(damaged, "RejectOrder", `"damaged"`, `"out_of_stock"`)
			h.reword(damaged, "OrderRejected", `"damaged"`, `"out_of_stock"`)
			h.rows(damaged).Order.Reason, h.rows(damaged).Instance.Reason = "out_of_stock", "out_of_stock"
		}, "I2 effect", "its goods were reserved"},
	}
}
