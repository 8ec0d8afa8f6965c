package check

import (
	"fmt"
	"strconv"
	"strings"
)

// Entry is a line of the provider's ledger.
type Entry struct {
	ID            string `json:"id"`
	Operation     string `json:"operation"`
	Outcome       string `json:"outcome"`
	Code          string `json:"code"`
	Key           string `json:"key"`
	Reference     string `json:"reference"`
	Authorization string `json:"authorization"`
	Capture       string `json:"capture"`
	Method        string `json:"payment_method"`
	Minor         int64  `json:"amount_minor"`
	Currency      string `json:"currency"`

	line int64 // from 1
}

func (e *Entry) String() string {
	return fmt.Sprintf("ledger line %d, %s %s of %d %s", e.line, e.Operation, e.Outcome, e.Minor, e.Currency)
}

func (e *Entry) moved() bool { return e.Outcome == "succeeded" && e.Minor > 0 }

// account is what the provider did for an order, in minor units.
type account struct {
	authorized, captured, voided, refunded, expired int64
}

func (a *account) book(e *Entry) *int64 {
	switch e.Operation {
	case "authorize":
		return &a.authorized
	case "capture":
		return &a.captured
	case "void":
		return &a.voided
	case "refund":
		return &a.refunded
	case "expire":
		return &a.expired
	}
	return nil
}

// asks says which command the provider's operation is for.
var askedBy = map[string]kind{"authorize": authorizePayment, "capture": capturePayment, "void": voidPayment, "refund": refundPayment}

// checkMoney holds the ledger against the messages, both ways, and adds up (I1, I3, I4).
func (l *life) checkMoney() {
	var a account
	effective, keys, own := map[string]*Entry{}, map[string]*Entry{}, map[string]bool{}
	for _, e := range l.entries {
		l.checkEntry(e, own)
		if before := keys[e.Key]; before != nil && e.Key != "" {
			l.violates(I4, "%s and %s have one key, %s", before, e, e.Key)
		}
		keys[e.Key] = e
		if e.Operation == "authorize" {
			own[e.ID] = true
		}
		if sum := a.book(e); sum == nil {
			l.violates(Effect, "%s is nothing that payment asks for", e)
		} else if e.Outcome == "succeeded" {
			*sum += e.Minor
		}
		if e.moved() {
			if before := effective[e.Operation]; before != nil {
				l.violates(I4, "the provider did it twice: %s and %s", before, e)
			}
			effective[e.Operation] = e
		}
	}
	l.checkSums(&a)
	l.checkAnswersAtProvider(keys)
}

// checkEntry: whatever the provider did, a command asked for, under its own key and with its own amount.
func (l *life) checkEntry(e *Entry, own map[string]bool) {
	if e.Operation != "authorize" && !own[e.Authorization] {
		l.violates(Effect, "%s is of authorization %q, which is not this order's", e, e.Authorization)
	}
	k := askedBy[e.Operation]
	if k == noKind {
		return // an expiry is nobody's wish
	}
	command := l.first[k]
	if command == nil {
		l.violates(Effect, "%s, but no %s was ever sent", e, k)
		return
	}
	if !keyOf(e.Key, command) {
		l.violates(Effect, "%s has the key %s, which is not made of that of %s", e, e.Key, command)
	}
	if meaning[k].role == does && (e.Minor != command.words().Amount.Minor || e.Currency != command.words().Amount.Currency) {
		l.violates(I1, "%s, but %s asked for %s", e, command, command.words().Amount)
	}
	if e.Operation == "authorize" && e.Method != command.words().Method {
		l.violates(Effect, "%s is on %s, but %s asked for %s", e, e.Method, command, command.words().Method)
	}
}

// keyOf tells whether a key is the command's: its id, and of an undo its id and the number of failures before.
func keyOf(key string, command *message) bool {
	rest, ok := strings.CutPrefix(key, command.id.String())
	if command.role() == does {
		return ok && rest == ""
	}
	n, err := strconv.Atoi(strings.TrimPrefix(rest, "-"))
	return ok && err == nil && rest == "-"+strconv.Itoa(n) && n >= 0
}

// checkSums is I1 and I3.
func (l *life) checkSums(a *account) {
	told := fmt.Sprintf("authorised %d, captured %d, voided %d, expired %d, refunded %d", a.authorized, a.captured, a.voided, a.expired, a.refunded)
	if a.captured+a.voided+a.expired > a.authorized || a.refunded > a.captured {
		l.violates(I1, "the provider let go of more than it held: %s", told)
	}
	p := l.first[orderPlaced]
	if p == nil {
		return
	}
	worth, parcel := int64(0), l.first[orderDispatched]
	if parcel != nil {
		worth = p.words().Total.Minor
		if a.captured < worth {
			l.violates(I3, "it was dispatched, %s, but of %d the provider captured %d", parcel, worth, a.captured)
		}
	}
	if l.end() == nil {
		return
	}
	if a.captured-a.refunded != worth && !l.waived(stepCapture) {
		l.violates(I1, "dispatched goods are worth %d, but the provider says: %s", worth, told)
	}
	if a.authorized != a.captured+a.voided+a.expired && !l.waived(stepAuthorize) {
		l.violates(I1, "money is still held: %s", told)
	}
}

// checkAnswersAtProvider: whatever payment said that the provider did or refused, the provider did or refused.
func (l *life) checkAnswersAtProvider(keys map[string]*Entry) {
	for _, m := range l.said[fromPayment] {
		says, entry := m.words(), keys[m.cause.String()]
		switch m.kind {
		case paymentAuthorized, paymentCaptured:
			if says.Amount.Minor > 0 && (entry == nil || !entry.moved() || entry.Minor != says.Amount.Minor) {
				l.violates(Effect, "%s says %s, but the provider did: %s", m, says.Amount, tell(entry))
			}
			if asked := l.first[m.kind.asks()]; asked != nil && says.Amount != asked.words().Amount {
				l.violates(I1, "%s says %s, but %s asked for %s", m, says.Amount, asked, asked.words().Amount)
			}
		case paymentDeclined, paymentCaptureRefused:
			if says.Reason != "superseded" && (entry == nil || entry.Outcome != "refused") && !l.neverAsked(m) {
				l.violates(Effect, "%s says %s, but the provider did: %s", m, says.Reason, tell(entry))
			}
		case paymentVoided, paymentRefunded:
			if done := l.undoneUnder(m.cause, keys); done != says.Amount.Minor {
				l.violates(Effect, "%s says %s, but the provider gave back %d", m, says.Amount, done)
			}
		}
	}
	for _, s := range []int{stepAuthorize, stepCapture} {
		undo := l.first[steps[s].undo]
		if undo == nil {
			continue
		}
		refused := 0
		for n := 0; keys[undoKey(undo.id, n)] != nil; n++ {
			if keys[undoKey(undo.id, n)].Outcome == "refused" {
				refused++
			}
		}
		if said := l.count(steps[s].failed); said != refused {
			l.violates(Effect, "the provider refused %d undos of %s, payment said so %d times", refused, steps[s].name, said)
		}
	}
}

func undoKey(command ID, failures int) string { return command.String() + "-" + strconv.Itoa(failures) }

// undoneUnder sums what was moved under the keys of an undo.
func (l *life) undoneUnder(command ID, keys map[string]*Entry) (sum int64) {
	for n := 0; ; n++ {
		e := keys[undoKey(command, n)]
		if e == nil {
			return sum
		}
		if e.Outcome == "succeeded" {
			sum += e.Minor
		}
	}
}

// neverAsked tells whether payment refused a capture by itself, because nothing was held any more.
func (l *life) neverAsked(m *message) bool {
	op := l.operation("capture")
	return m.kind == paymentCaptureRefused && op != nil && op.Code == "not_authorized"
}

func tell(e *Entry) string {
	if e == nil {
		return "nothing"
	}
	return e.String()
}
