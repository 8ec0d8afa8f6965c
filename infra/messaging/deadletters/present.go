package deadletters

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
	"unicode/utf8"

	"ordersaga.internal/infra/messaging"
)

func (a *API) letter(l *messaging.Letter) DeadLetter {
	out := DeadLetter{
		LetterId: l.ID, Group: a.machine.Group(), Subject: known(l.Subject), Topic: l.Topic, Partition: int(l.Partition), Offset: l.Offset,
		Reason: DeadLetterReason(l.Reason), Class: known(l.Class), Error: known(l.Error), MessageId: known(l.MessageID), Type: known(l.Type),
		Attempt: known(l.Attempt), Tries: l.Tries, TraceId: known(l.TraceID), Bytes: l.Bytes, WrittenAt: l.WrittenAt.UTC(),
		DeadAt: l.DeadAt.UTC(), TriedAt: moment(l.TriedAt), EditedAt: moment(l.EditedAt),
	}
	return out
}

// whole is a letter with what it has only alone.
func (a *API) whole(l *messaging.Letter) DeadLetter {
	out := a.letter(l)
	out.Stack, out.Ahead, out.Behind, out.Record = known(l.Stack), &l.Ahead, &l.Behind, toRecord(&l.Record)
	return out
}

func (a *API) entry(e *messaging.AuditEntry) Entry {
	return Entry{
		EntryId: e.ID, Group: a.machine.Group(), At: e.At.UTC(), Operator: e.Operator, Action: EntryAction(e.Action), Reason: e.Reason,
		LetterId: e.LetterID, Subject: known(e.Subject), Topic: e.Topic, Partition: int(e.Partition), Offset: e.Offset, Type: known(e.Type),
		Handled: e.Handled, Ended: e.Ended, BeforeSha256: digest(e.Before), AfterSha256: digest(e.After),
	}
}

// wholeEntry is an entry with the bytes.
func (a *API) wholeEntry(e *messaging.AuditEntry) Entry {
	out := a.entry(e)
	if e.Before != nil {
		out.Before = toRecord(e.Before)
	}
	if e.After != nil {
		out.After = toRecord(e.After)
	}
	return out
}

func digest(r *messaging.Record) *string {
	if r == nil || r.Value == nil {
		return nil
	}
	sum := sha256.Sum256(r.Value)
	text := hex.EncodeToString(sum[:])
	return &text
}

func toRecord(r *messaging.Record) *Record {
	out := &Record{Key: toBytes(r.Key), Value: toBytes(r.Value), Headers: make([]Header, len(r.Headers))}
	for i, h := range r.Headers {
		out.Headers[i] = Header{Name: h.Name, Value: toBytes(h.Value)}
	}
	return out
}

func fromHeaders(headers []Header) []messaging.Header {
	out := make([]messaging.Header, len(headers))
	for i, h := range headers {
		out[i] = messaging.Header{Name: h.Name, Value: fromBytes(h.Value)}
	}
	return out
}

// toBytes is null where they are.
func toBytes(b []byte) *Bytes {
	switch {
	case b == nil:
		return nil
	case utf8.Valid(b):
		text := string(b)
		return &Bytes{Text: &text}
	}
	return &Bytes{Base64: &b}
}

func fromBytes(b *Bytes) []byte {
	switch {
	case b == nil:
		return nil
	case b.Text != nil:
		return []byte(*b.Text)
	case b.Base64 != nil:
		return *b.Base64
	}
	return nil
}

// known is null where the value is zero.
func known[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// moment is null where it is zero.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
