package stripetest

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// intent is a PaymentIntent.
type intent struct {
	id, status, method, reason string
	amount, received, refunded int64
	authorized, declined       bool
	metadata                   map[string]string
	cancelled                  int // how often money that was held was let go
}

type refund struct {
	id, intent string
	amount     int64
	metadata   map[string]string
}

// refusal is an error that Stripe answers.
type refusal struct {
	status               int
	kind, code, declined string
}

func invalid(code string) *refusal {
	return &refusal{status: http.StatusBadRequest, kind: "invalid_request_error", code: code}
}

// act does what the request asks for and returns what is known of the object. The lock is held.
func (i *Imitation) act(r *http.Request, body []byte) (*refusal, map[string]any) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return invalid("parameter_invalid"), nil
	}
	path := strings.Split(strings.Trim(r.URL.Path, "/"), "/") // v1, payment_intents, pi_1, confirm
	switch {
	case path[1] == "refunds" && r.Method == http.MethodGet:
		return nil, i.list(r.URL.Query().Get("payment_intent"))
	case path[1] == "refunds":
		return i.giveBack(form)
	case len(path) == 2:
		return i.create(form)
	}
	p := i.intents[path[2]]
	if p == nil {
		return &refusal{status: http.StatusNotFound, kind: "invalid_request_error", code: "resource_missing"}, nil
	}
	if len(path) == 4 {
		if no := p.step(path[3], form); no != nil {
			return no, nil
		}
	}
	return nil, p.known()
}

func (i *Imitation) create(form url.Values) (*refusal, map[string]any) {
	amount, err := strconv.ParseInt(form.Get("amount"), 10, 64)
	method := form.Get("payment_method")
	switch {
	case err != nil || amount <= 0:
		return invalid("parameter_invalid_integer"), nil
	case method != MethodOK && method != MethodDeclined && method != MethodExpires:
		return invalid("resource_missing"), nil
	case form.Get("capture_method") != "manual":
		return invalid("only manual capture is imitated"), nil
	}
	p := &intent{
		id: fmt.Sprint("pi_", len(i.intents)+1), status: "requires_confirmation", method: method, amount: amount, metadata: metadata(form),
	}
	i.intents[p.id] = p
	return nil, p.known()
}

func metadata(form url.Values) map[string]string {
	out := map[string]string{}
	for name, values := range form {
		if key, ok := strings.CutPrefix(name, "metadata["); ok {
			out[strings.TrimSuffix(key, "]")] = values[0]
		}
	}
	return out
}

// step moves the intent.
func (p *intent) step(name string, form url.Values) *refusal {
	switch name {
	case "confirm":
		switch {
		case p.status != "requires_confirmation": // after a decline the payment method is gone
			return invalid("payment_intent_unexpected_state")
		case p.method == MethodDeclined:
			p.status, p.declined = "requires_payment_method", true
			return &refusal{status: http.StatusPaymentRequired, kind: "card_error", code: "card_declined", declined: "generic_decline"}
		}
		p.status, p.authorized = "requires_capture", true
	case "capture":
		take, err := strconv.ParseInt(form.Get("amount_to_capture"), 10, 64)
		switch {
		case p.status != "requires_capture":
			return invalid("payment_intent_unexpected_state")
		case err != nil || take > p.amount:
			return invalid("amount_too_large")
		case p.method == MethodExpires:
			p.status, p.reason = "canceled", "expired"
			return invalid("charge_expired_for_capture")
		}
		p.status, p.received = "succeeded", take
	case "cancel":
		if p.status == "succeeded" || p.status == "canceled" {
			return invalid("payment_intent_unexpected_state")
		}
		if p.authorized {
			p.cancelled++
		}
		p.status, p.reason = "canceled", form.Get("cancellation_reason")
	default:
		return invalid("not imitated")
	}
	return nil
}

func (p *intent) known() map[string]any {
	known := map[string]any{
		"id": p.id, "status": p.status, "amount": p.amount, "amount_received": p.received, "amount_capturable": int64(0),
		"cancellation_reason": nil, "last_payment_error": nil, "latest_charge": nil, "metadata": p.metadata,
	}
	if p.status == "requires_capture" {
		known["amount_capturable"] = p.amount
	}
	if p.reason != "" {
		known["cancellation_reason"] = p.reason
	}
	if p.authorized {
		known["latest_charge"] = map[string]any{
			"id": "ch_" + p.id, "object": "charge", "status": "succeeded", "captured": p.received > 0, "amount": p.amount,
			"amount_captured": p.received, "amount_refunded": p.refunded, "refunded": p.received > 0 && p.refunded == p.received,
		}
	}
	if p.declined {
		known["latest_charge"] = map[string]any{"id": "ch_" + p.id, "object": "charge", "status": "failed"}
		known["last_payment_error"] = map[string]any{
			"type": "card_error", "code": "card_declined", "decline_code": "generic_decline", "message": "Jenny Rosen's card 4242 was declined",
		}
	}
	return known
}

func (i *Imitation) giveBack(form url.Values) (*refusal, map[string]any) {
	p := i.intents[form.Get("payment_intent")]
	switch {
	case p == nil || p.received == 0:
		return invalid("payment_intent_unexpected_state"), nil
	case p.refunded == p.received:
		return invalid("charge_already_refunded"), nil
	}
	f := &refund{id: fmt.Sprint("re_", len(i.refunds)+1), intent: p.id, amount: p.received - p.refunded, metadata: metadata(form)}
	i.refunds = append(i.refunds, f)
	p.refunded = p.received
	return nil, f.known()
}

func (f *refund) known() map[string]any {
	return map[string]any{
		"id": f.id, "payment_intent": f.intent, "amount": f.amount, "status": "succeeded", "metadata": f.metadata, "object": "refund",
	}
}

func (i *Imitation) list(intent string) map[string]any {
	data := []map[string]any{}
	for _, f := range i.refunds {
		if f.intent == intent {
			data = append(data, f.known())
		}
	}
	return map[string]any{"data": data, "has_more": false}
}

// Effects returns how often money was moved for the order by authorizing, capturing, letting go and giving back.
func (i *Imitation) Effects(order string) (authorized, captured, voided, refunded int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, p := range i.intents {
		if p.metadata["order_id"] != order {
			continue
		}
		if p.authorized {
			authorized++
		}
		if p.received > 0 {
			captured++
		}
		voided += p.cancelled
		for _, f := range i.refunds {
			if f.intent == p.id {
				refunded++
			}
		}
	}
	return authorized, captured, voided, refunded
}
