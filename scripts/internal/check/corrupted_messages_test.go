package check_test

import (
	"slices"

	"ordersaga.internal/scripts/internal/check"
)

func wireCorruptions() []corruption {
	on := func(name string, change func(r *check.Record)) func(h *history) {
		return func(h *history) { change(h.record(completes, name)) }
	}
	return []corruption{
		{"no correlation", on("StockReserved", func(r *check.Record) { unset(r, "ce_correlationid") }), "wire", "ce_correlationid"},
		{"another order's correlation", on("StockReserved", func(r *check.Record) { set(r, "ce_correlationid", other) }), "wire", "is not the order"},
		{"time with an offset", on("StockReserved", func(r *check.Record) { set(r, "ce_time", "2026-11-25T10:45:37.464777+01:00") }), "wire", "ce_time"},
		{"another version of CloudEvents", on("OrderPlaced", func(r *check.Record) { set(r, "ce_specversion", "0.3") }), "wire", "ce_specversion"},
		{"another content type", on("OrderPlaced", func(r *check.Record) { set(r, "content-type", "text/plain") }), "wire", "content-type"},
		{"a broken trace", on("OrderPlaced", func(r *check.Record) { set(r, "traceparent", "00-xyz") }), "wire", "traceparent"},
		{"an event with an attempt", on("OrderPlaced", func(r *check.Record) {
			r.Headers = append(r.Headers, check.Header{Key: "ce_attempt", Value: "1"})
		}), "wire", "no ce_attempt"},
		{"a header twice", on("OrderPlaced", func(r *check.Record) {
			r.Headers = append(r.Headers, check.Header{Key: "ce_time", Value: header(r, "ce_time")})
		}), "wire", "there twice"},
		{"a header of nobody's", on("OrderPlaced", func(r *check.Record) {
			r.Headers = append(r.Headers, check.Header{Key: "x-debug", Value: "1"})
		}), "wire", "x-debug"},
		{"another speaker", on("StockReserved", func(r *check.Record) { set(r, "ce_source", "/services/payment") }), "wire promise cause effect I2 I7", "not for /services/payment to say"},
		{"an unknown type", on("StockReserved", func(r *check.Record) { set(r, "ce_type", "StockMislaid.v1") }), "wire promise cause effect I2 I7", "unknown"},
		{"a value of another order", func(h *history) {
			r := h.record(completes, "StockReserved")
			r.Value = []byte(`{"order_id":"` + other + `"}`)
		}, "wire promise cause effect I2 I7", "speaks of order"},
		{"a value that lacks a field", func(h *history) {
			h.reword(declined, "PaymentDeclined", `"reason"`, `"raison"`)
		}, "wire promise cause effect I7", "not what PaymentDeclined.v1 promises"},
		{"a reason outside the closed list", func(h *history) {
			h.reword(declined, "PaymentDeclined", `"declined"`, `"moody"`)
		}, "wire promise cause effect I7", "not what PaymentDeclined.v1 promises"},
		{"an upper-case key", func(h *history) {
			r := h.append(h.record(completes, "StockReserved"), nil)
			r.Key = "01A20858-EEBE-76C3-9837-4063B7A5BB92"
		}, "wire", "lower-case UUID"},
		{"a key that is not the subject", func(h *history) {
			h.append(h.record(completes, "StockReserved"), func(r *check.Record) { set(r, "ce_subject", other) })
		}, "wire", "is not its key"},
		{"another topic", func(h *history) {
			r := h.record(completes, "OrderDispatched")
			h.Log = slices.DeleteFunc(h.Log, func(x *check.Record) bool { return x == r })
			h.append(r, func(r *check.Record) { r.Topic = "payment.events" })
		}, "wire cause effect", "belongs on warehouse.events"},
		{"another partition", func(h *history) {
			r := h.record(completes, "OrderDispatched")
			h.Log = slices.DeleteFunc(h.Log, func(x *check.Record) bool { return x == r })
			h.append(r, func(r *check.Record) { r.Partition = (r.Partition + 1) % check.Partitions })
		}, "wire promise cause effect I1 I2 I6 I7 I8", "murmur2 of its key"},
	}
}

func promiseCorruptions() []corruption {
	return []corruption{
		{"a lost message", func(h *history) { h.drop(completes, "PaymentAuthorized") }, "promise cause effect I7", "sequence 1 never appeared"},
		{"a lost last message", func(h *history) { h.drop(damaged, "StockReleased") }, "promise cause effect I2 I7", "the log has no such message"},
		{"a lost command", func(h *history) { h.drop(completes, "CapturePayment") }, "promise cause effect I7", "never appeared"},
		{"a lost last command", func(h *history) { h.drop(deadLettered, "DispatchOrder") }, "promise effect I7", "but the log ends with"},
		{"a swapped pair", func(h *history) {
			h.swap(h.record(completes, "StockReserved"), h.record(completes, "OrderDispatched"))
		}, "promise effect", "first appeared as"},
		{"a pair swapped across topics", func(h *history) {
			h.record(sentAgain, "AuthorizePayment").At, h.record(sentAgain, "CompleteOrder").At = h.record(sentAgain, "CompleteOrder").At, h.record(sentAgain, "AuthorizePayment").At
		}, "promise cause", "first appeared"},
		{"a wrong sequence", func(h *history) { set(h.record(completes, "OrderDispatched"), "ce_sequence", "00000000000000000007") }, "promise effect", "never appeared"},
		{"a sequence of nineteen digits", func(h *history) { set(h.record(cancelled, "OrderCancelled"), "ce_sequence", "0000000000000000003") }, "wire promise effect I6 I7", "%020d"},
		{"a repetition with another value", func(h *history) {
			h.append(h.record(completes, "OrderDispatched"), func(r *check.Record) {
				r.Value = slices.Concat(r.Value[:len(r.Value)-1], []byte(` }`))
			})
		}, "promise", "again, with other bytes"},
		{"a repetition with another header", func(h *history) {
			h.append(h.record(completes, "OrderDispatched"), func(r *check.Record) { set(r, "ce_time", "2026-11-25T10:45:37.464777Z") })
		}, "promise", "again, with other bytes"},
		{"a re-sent answer with a sequence of its own", func(h *history) {
			h.append(h.record(completes, "OrderDispatched"), func(r *check.Record) { set(r, "ce_sequence", "00000000000000000003") })
		}, "promise cause effect I2", "have one ce_id"},
	}
}

func causeCorruptions() []corruption {
	forge := func(life int, like, name string, sequence, id string, value func(key string) string) func(h *history) {
		return func(h *history) {
			h.append(h.record(life, like), func(r *check.Record) {
				set(r, "ce_type", name+".v1")
				set(r, "ce_sequence", sequence)
				set(r, "ce_id", id)
				if value != nil {
					r.Value = []byte(value(r.Key))
				}
			})
		}
	}
	const third = "00000000000000000003"
	return []corruption{
		{"two outcomes", forge(completes, "OrderCompleted", "OrderCancelled", third, other, nil), "I6 cause effect", "two outcomes"},
		{"one outcome twice", forge(completes, "OrderCompleted", "OrderCompleted", third, other, nil), "I6 effect", "answered twice"},
		{"a forged outcome", func(h *history) { set(h.record(cancelled, "OrderCancelled"), "ce_type", "OrderCompleted.v1") }, "I6 cause effect I7", "completed"},
		{"a dispatch twice", forge(completes, "OrderDispatched", "OrderDispatched", third, other, nil), "cause effect I2", "answered twice"},
		{"an answer to nothing", func(h *history) { set(h.record(completes, "StockReserved"), "ce_causationid", other) }, "cause effect", "names the command"},
		{"an answer to a command that was never sent", forge(declined, "PaymentDeclined", "PaymentVoided", "00000000000000000002", other, func(key string) string {
			return `{"order_id":"` + key + `","amount":{"amount_minor":0,"currency":"EUR"}}`
		}), "cause effect", "never sent"},
		{"a missing answer", func(h *history) {
			h.drop(captureRefused, "StockReleased")
			h.memory(captureRefused, "stock", true).State = "open"
			h.memory(captureRefused, "stock", true).Sequence = 0
		}, "cause effect I2 I7", "was never answered"},
		{"an answer before its command", func(h *history) { h.record(completes, "StockReserved").At -= 10_000 }, "cause", "before the command"},
		{"a command without a cause", func(h *history) { set(h.record(completes, "CapturePayment"), "ce_causationid", other) }, "cause", "is no event and no operator's wish"},
		{"a command that follows from the wrong event", func(h *history) {
			set(h.record(completes, "CapturePayment"), "ce_causationid", header(h.record(completes, "StockReserved"), "ce_id"))
		}, "cause", "must follow from PaymentAuthorized.v1"},
		{"a command of another id", func(h *history) { set(h.record(completes, "ReserveStock"), "ce_id", other) }, "cause effect", "derived from order and step"},
		{"a second command to dispatch", forge(completes, "DispatchOrder", "DispatchOrder", "00000000000000000006", other, nil), "cause effect", "no longer outstanding"},
		{"an attempt left out", func(h *history) {
			for _, r := range h.Log {
				if r.Key == h.order(sentAgain).String() && header(r, "ce_type") == "CapturePayment.v1" && header(r, "ce_attempt") == "2" {
					set(r, "ce_attempt", "3")
				}
			}
		}, "cause effect", "but sending number 2"},
		{"a command for other goods", func(h *history) { h.reword(completes, "DispatchOrder", `"quantity":2`, `"quantity":3`) }, "cause", "does not ask for what was placed"},
		{"a command to another address", func(h *history) { h.reword(completes, "DispatchOrder", `addr-1`, `addr-2`) }, "cause", "does not ask for what was placed"},
		{"an undo that nothing led to", func(h *history) {
			set(h.record(damaged, "RefundPayment"), "ce_causationid", header(h.record(damaged, "StockReserved"), "ce_id"))
		}, "cause", "cannot follow from StockReserved"},
		{"undone in the wrong order", func(h *history) {
			void, refund := h.record(damaged, "VoidPayment"), h.record(damaged, "RefundPayment")
			a, b := header(void, "ce_sequence"), header(refund, "ce_sequence")
			set(void, "ce_sequence", b)
			set(refund, "ce_sequence", a)
			h.swap(void, refund)
		}, "effect", "by its history, command number"},
		{"a rejection for another reason", func(h *history) { h.reword(declined, "RejectOrder", `"declined"`, `"expired"`) }, "cause I7", "not what authorize payment was refused for"},
		{"a rejection at another step", func(h *history) { h.reword(declined, "RejectOrder", `authorize payment`, `reserve stock`) }, "cause I7", "the last step begun is"},
		{"timed out, but not given up", func(h *history) { h.reword(declined, "RejectOrder", `"declined"`, `"timed_out"`) }, "cause I7", "was not given up"},
		{"a success after its undo", func(h *history) {
			h.append(h.record(unknown, "PaymentVoided"), func(r *check.Record) {
				set(r, "ce_type", "PaymentAuthorized.v1")
				set(r, "ce_sequence", "00000000000000000002")
				set(r, "ce_id", other)
				set(r, "ce_causationid", header(h.record(unknown, "AuthorizePayment"), "ce_id"))
			})
		}, "cause effect I1", "succeeded after it was undone"},
		{"superseded by nothing", func(h *history) { h.reword(declined, "PaymentDeclined", `"declined"`, `"superseded"`) }, "cause", "its undo was never asked for"},
		{"a cancellation that nobody asked for", func(h *history) { h.drop(cancelled, "OrderCancellationRequested") }, "promise cause effect", "never appeared"},
		{"a cancellation not declined", func(h *history) { h.drop(cancelledTooLate, "OrderCancellationDeclined") }, "promise cause effect", "never appeared"},
		{"dispatched before the money was captured", func(h *history) { h.drop(completes, "PaymentCaptured") }, "I3 promise cause effect I7", "nothing was captured"},
	}
}
