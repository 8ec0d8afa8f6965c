package check

import (
	"fmt"
	"slices"
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

// askedBy says which command the provider's operation is for.
var askedBy = map[string]kind{"authorize": authorizePayment, "capture": capturePayment, "void": voidPayment, "refund": refundPayment}

// forKey is what the provider did under one key, in its order. A refusal may be forgotten, and after a day every key is: then
// a key has several entries.
type forKey []*Entry

func (k forKey) moved() *Entry {
	for _, e := range k {
		if e.moved() {
			return e
		}
	}
	return nil
}

func (k forKey) has(outcome string) bool {
	return slices.ContainsFunc(k, func(e *Entry) bool { return e.Outcome == outcome })
}

// surfaced tells whether the key's operation was done although the provider had refused or closed it before: payment undoes
// that by itself and tells nobody, for the saga has its answer.
func (k forKey) surfaced() bool {
	return len(k) > 1 && k[0].Outcome != "succeeded" && k.moved() != nil
}

// checkMoney holds the ledger against the messages, both ways, and adds up (I1, I3, I4).
func (l *life) checkMoney() {
	var a account
	effective := map[string]*Entry{}
	l.keys = map[string]forKey{}
	for _, e := range l.entries {
		l.keys[e.Key] = append(l.keys[e.Key], e)
	}
	own := map[string]bool{}
	for _, e := range l.entries {
		if e.Operation == "authorize" {
			own[e.ID] = true
		}
		l.checkEntry(e, own)
		if sum := a.book(e); sum != nil && e.Outcome == "succeeded" {
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
	l.checkAnswersAtProvider()
	l.checkFailures()
}

// surfaced is forKey.surfaced of what a step does.
func (l *life) surfaced(step int) bool {
	command := l.first[steps[step].do]
	return command != nil && l.keys[command.id.String()].surfaced()
}

// checkEntry: whatever the provider did, a command asked for, under its own key and with its own amount.
func (l *life) checkEntry(e *Entry, own map[string]bool) {
	k, known := askedBy[e.Operation]
	switch {
	case e.Operation == "close":
		l.checkClose(e)
		return
	case e.Operation == "expire" && own[e.Authorization]:
		return // nobody's wish
	case !known:
		l.violates(Effect, "%s is nothing that payment asks for", e)
		return
	case e.Operation != "authorize" && !own[e.Authorization]:
		l.violates(Effect, "%s is of authorization %q, which is not this order's", e, e.Authorization)
	}
	command := l.first[k]
	if meaning[k].role == undoes && l.undoesSurfaced(e, k) {
		return
	}
	if command == nil {
		l.violates(Effect, "%s, but no %s was ever sent", e, k)
		return
	}
	if !keyOf(e.Key, command.id, command.role() == undoes) {
		l.violates(Effect, "%s has the key %s, which is not made of that of %s", e, e.Key, command)
	}
	if asked := command.words(); meaning[k].role == does && (e.Minor != asked.Amount.Minor || e.Currency != asked.Amount.Currency) {
		l.violates(I1, "%s, but %s asked for %s", e, command, asked.Amount)
	}
	if e.Operation == "authorize" && e.Method != command.words().Method {
		l.violates(Effect, "%s is on %s, but %s asked for %s", e, e.Method, command, command.words().Method)
	}
}

// undoesSurfaced tells whether an entry undoes what surfaced, under a key of its own.
func (l *life) undoesSurfaced(e *Entry, undo kind) bool {
	s := meaning[undo].step
	do := l.first[steps[s].do]
	return do != nil && l.surfaced(s) && keyOf(e.Key, derived(do.id, "surfaced"), true)
}

// checkClose: who closes the key of an operation undoes it, or wants to know for certain that it was refused.
func (l *life) checkClose(e *Entry) {
	for _, s := range []int{stepAuthorize, stepCapture} {
		command := l.first[steps[s].do]
		if command == nil || command.id.String() != e.Key {
			continue
		}
		if l.first[steps[s].undo] == nil && l.first[steps[s].refused] == nil && l.end() != nil {
			l.violates(Effect, "%s closes %s, which was neither undone nor refused", e, command)
		}
	}
}

// keyOf tells whether a key is made of a command's id: the id itself, and of an undo the id and the number of failures before.
func keyOf(key string, command ID, undo bool) bool {
	rest, ok := strings.CutPrefix(key, command.String())
	if !undo {
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
func (l *life) checkAnswersAtProvider() {
	for _, m := range l.said[fromPayment] {
		says, under := m.words(), l.keys[m.cause.String()]
		switch m.kind {
		case paymentAuthorized, paymentCaptured:
			if done := under.moved(); says.Amount.Minor > 0 && (done == nil || done.Minor != says.Amount.Minor) {
				l.violates(Effect, "%s says %s, but the provider did: %s", m, says.Amount, tell(done))
			}
			if asked := l.first[m.kind.asks()]; asked != nil && says.Amount != asked.words().Amount {
				l.violates(I1, "%s says %s, but %s asked for %s", m, says.Amount, asked, asked.words().Amount)
			}
		case paymentDeclined, paymentCaptureRefused:
			if says.Reason != "superseded" && !under.has("refused") && !l.neverAsked(m) {
				l.violates(Effect, "%s says %s, but the provider refused nothing", m, says.Reason)
			}
		case paymentVoided, paymentRefunded:
			done := l.undoneUnder(m.cause)
			if done != says.Amount.Minor && !(says.Amount.Minor == 0 && l.surfaced(m.step())) {
				l.violates(Effect, "%s says %s, but the provider gave back %d", m, says.Amount, done)
			}
		}
	}
}

// checkFailures: each undo that the provider refused for good was told, once. A key whose refusal was forgotten, and which
// was then done, was not refused for good.
func (l *life) checkFailures() {
	for _, s := range []int{stepAuthorize, stepCapture} {
		undo := l.first[steps[s].undo]
		if undo == nil || l.surfaced(s) {
			continue
		}
		refused := 0
		for n := 0; l.keys[undoKey(undo.id, n)] != nil; n++ {
			if under := l.keys[undoKey(undo.id, n)]; !under.has("succeeded") {
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
func (l *life) undoneUnder(command ID) (sum int64) {
	for n := 0; ; n++ {
		under := l.keys[undoKey(command, n)]
		if under == nil {
			return sum
		}
		for _, e := range under {
			if e.moved() {
				sum += e.Minor
			}
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
