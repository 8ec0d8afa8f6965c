package charges

import (
	"errors"
	"strconv"
	"time"
)

// Errors of Decide: nothing was done and nothing is remembered.
var (
	ErrKeyReused = errors.New("this idempotency key was used for another request")
	ErrNotFound  = errors.New("no such authorization or capture")
)

// Book holds every entry in memory. It is not safe for concurrent use.
type Book struct {
	count       int64
	byKey       map[string]*Entry
	holds       map[string]*hold // by authorization
	captures    map[string]*hold // by capture
	byReference map[string][]*Entry
}

// hold is one authorization and what became of it, in minor units.
type hold struct {
	entry                               *Entry
	captured, voided, refunded, expired int64
}

func (h *hold) remaining() int64 { return h.entry.AmountMinor - h.captured - h.voided - h.expired }

// NewBook returns an empty book.
func NewBook() *Book {
	return &Book{
		byKey: map[string]*Entry{}, holds: map[string]*hold{}, captures: map[string]*hold{},
		byReference: map[string][]*Entry{},
	}
}

// Get returns what is remembered under the key.
func (b *Book) Get(key string) (Entry, bool) {
	if e := b.byKey[key]; e != nil {
		return *e, true
	}
	return Entry{}, false
}

// Of returns everything that happened under the caller's reference, oldest first.
func (b *Book) Of(reference string) []Entry {
	out := make([]Entry, 0, len(b.byReference[reference]))
	for _, e := range b.byReference[reference] {
		out = append(out, *e)
	}
	return out
}

// PaymentMethod returns the method of the request, by what it targets.
func (b *Book) PaymentMethod(r Request) string {
	if r.Operation == Authorize {
		return r.PaymentMethod
	}
	if h := b.target(r); h != nil {
		return h.entry.PaymentMethod
	}
	return ""
}

// Reference returns the caller's reference of the request, by what it targets.
func (b *Book) Reference(r Request) string {
	if r.Operation == Authorize {
		return r.Reference
	}
	if h := b.target(r); h != nil {
		return h.entry.Reference
	}
	return ""
}

func (b *Book) target(r Request) *hold {
	if r.Operation == Refund {
		return b.captures[r.Target]
	}
	return b.holds[r.Target]
}

// Remembered returns the result of an earlier request under the same key, if there is one. Errors: ErrKeyReused.
func (b *Book) Remembered(r Request) (Entry, bool, error) {
	e := b.byKey[r.Key]
	switch {
	case e == nil:
		return Entry{}, false, nil
	case e.Operation == Close, e.matches(r):
		return *e, true, nil
	}
	return Entry{}, false, ErrKeyReused
}

// ForgetKeys forgets every key, as real providers do after a day. What happened, and what is found by reference, stays.
func (b *Book) ForgetKeys() { clear(b.byKey) }

// Decide returns the entries that a new request causes; the last one is its result. Errors: ErrNotFound.
func (b *Book) Decide(r Request, refuse Refusal, now time.Time) ([]Entry, error) {
	result := Entry{
		ID: b.id(r.Operation, 1), At: now, Operation: r.Operation, Outcome: Succeeded, Key: r.Key,
		Reference: r.Reference, PaymentMethod: r.PaymentMethod, AmountMinor: r.AmountMinor, Currency: r.Currency,
	}
	if r.Operation == Authorize {
		return []Entry{refused(result, refuse)}, nil
	}
	h := b.target(r)
	if h == nil {
		return nil, ErrNotFound
	}
	result.Reference, result.Authorization = h.entry.Reference, h.entry.ID
	switch r.Operation {
	case Capture:
		return b.capture(h, result, refuse), nil
	case Void:
		result.AmountMinor = h.remaining()
	case Refund:
		result.Capture = r.Target
		result.AmountMinor = h.captured - h.refunded
	case Authorize, Close, Expire:
	}
	result.Currency = h.entry.Currency
	if refuse.Code != "" {
		result.AmountMinor = 0
	}
	return []Entry{refused(result, refuse)}, nil
}

// capture takes what is held. A capture refused as expired ends the hold: that is an entry of its own.
func (b *Book) capture(h *hold, result Entry, refuse Refusal) []Entry {
	switch {
	case refuse.Code == CodeExpired && h.remaining() > 0:
		expiry := Entry{
			ID: b.id(Expire, 1), At: result.At, Operation: Expire, Outcome: Succeeded, Reference: h.entry.Reference,
			Authorization: h.entry.ID, AmountMinor: h.remaining(), Currency: h.entry.Currency,
		}
		result.ID = b.id(Capture, 2)
		return []Entry{expiry, refused(result, refuse)}
	case refuse.Code != "":
	case result.Currency != h.entry.Currency:
		refuse.Code = CodeCurrency
	case h.expired > 0 || h.voided > 0:
		refuse.Code = CodeExpired
	case result.AmountMinor > h.remaining():
		refuse.Code = CodeAmountTooLarge
	}
	return []Entry{refused(result, refuse)}
}

func refused(e Entry, r Refusal) Entry {
	if r.Code != "" {
		e.Outcome, e.Code, e.Forgotten = Refused, r.Code, r.Forget
	}
	return e
}

// Close returns the entry that closes the key, or false where something is remembered under it already.
func (b *Book) Close(key string, now time.Time) (Entry, bool) {
	if e := b.byKey[key]; e != nil {
		return *e, false
	}
	return Entry{ID: b.id(Close, 1), At: now, Operation: Close, Outcome: Closed, Key: key}, true
}

// Apply takes in an entry, just decided or read from the ledger.
func (b *Book) Apply(e Entry) {
	b.count++
	kept := &e
	if e.Key != "" && !e.Forgotten {
		b.byKey[e.Key] = kept
	}
	if e.Reference != "" {
		b.byReference[e.Reference] = append(b.byReference[e.Reference], kept)
	}
	if e.Outcome != Succeeded {
		return
	}
	if e.Operation == Authorize {
		b.holds[e.ID] = &hold{entry: kept}
		return
	}
	h := b.holds[e.Authorization]
	if h == nil {
		return
	}
	switch e.Operation {
	case Capture:
		h.captured += e.AmountMinor
		b.captures[e.ID] = h
	case Void:
		h.voided += e.AmountMinor
	case Refund:
		h.refunded += e.AmountMinor
	case Expire:
		h.expired += e.AmountMinor
	case Authorize, Close:
	}
}

// id returns the id of the nth entry from now.
func (b *Book) id(op Operation, n int64) string {
	return string(op) + "_" + strconv.FormatInt(b.count+n, 10)
}
