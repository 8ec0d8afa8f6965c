package messaging

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"
)

const testParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"

func testMessage() Message {
	return Message{
		ID: uuid.MustParse("0192f0c1-0000-7000-8000-00000000000a"), Source: "/services/payment", Type: "PaymentAuthorized.v1",
		Subject: uuid.MustParse("0192f0c1-0000-7000-8000-0000000000ff"),
		Time:    time.Date(2026, 11, 23, 10, 0, 0, 42_000, time.UTC), Sequence: 7,
		CausationID: uuid.MustParse("0192f0c1-0000-7000-8000-00000000000b"), Attempt: 3,
		Traceparent: testParent, Tracestate: "vendor=1", Data: []byte(`{"order_id":"x"}`), Topic: "payment.events", Partition: 5,
	}
}

// The headers are a contract with every reader: their names, order and spelling.
func TestHeaders(t *testing.T) {
	t.Parallel()
	m := testMessage()
	r := toRecord("test.", &m)
	var b strings.Builder
	for _, h := range r.Headers {
		fmt.Fprintf(&b, "%s=%s\n", h.Key, h.Value)
	}
	const want = `ce_specversion=1.0
ce_id=0192f0c1-0000-7000-8000-00000000000a
ce_source=/services/payment
ce_type=PaymentAuthorized.v1
ce_subject=0192f0c1-0000-7000-8000-0000000000ff
ce_time=2026-11-23T10:00:00.000042Z
ce_sequence=00000000000000000007
ce_correlationid=0192f0c1-0000-7000-8000-0000000000ff
ce_causationid=0192f0c1-0000-7000-8000-00000000000b
ce_attempt=3
content-type=application/json
traceparent=` + testParent + `
tracestate=vendor=1
`
	if b.String() != want {
		t.Errorf("headers:\n%swant:\n%s", b.String(), want)
	}
	if string(r.Key) != "0192f0c1-0000-7000-8000-0000000000ff" || r.Topic != "test.payment.events" || r.Partition != 5 {
		t.Errorf("key %s, topic %s, partition %d", r.Key, r.Topic, r.Partition)
	}

	m.CausationID, m.Attempt, m.Traceparent = uuid.Nil, 0, ""
	for _, h := range toRecord("", &m).Headers {
		switch h.Key {
		case headerCausation, headerAttempt, headerTraceparent, headerTracestate:
			t.Errorf("header %s of a message that has none", h.Key)
		}
	}
}

func TestEnvelopeRoundTrip(t *testing.T) {
	t.Parallel()
	id := rapid.Custom(func(t *rapid.T) uuid.UUID {
		id := uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		id[0] |= 1 // never nil
		return id
	})
	rapid.Check(t, func(t *rapid.T) {
		m := Message{
			ID: id.Draw(t, "id"), Source: "/services/" + rapid.StringMatching(`[a-z]+`).Draw(t, "source"), Type: "T.v1",
			Subject: id.Draw(t, "subject"), Time: time.UnixMicro(rapid.Int64Range(0, 4e15).Draw(t, "time")).UTC(),
			Sequence: rapid.Int64Range(1, 1<<62).Draw(t, "sequence"), Attempt: rapid.IntRange(0, 1000).Draw(t, "attempt"),
			Data: rapid.SliceOf(rapid.Byte()).Draw(t, "data"), Topic: "a.events", Partition: 3,
		}
		if rapid.Bool().Draw(t, "caused") {
			m.CausationID = id.Draw(t, "cause")
		}
		if rapid.Bool().Draw(t, "traced") {
			m.Traceparent, m.Tracestate = testParent, rapid.StringMatching(`[a-z]*`).Draw(t, "state")
		}
		got, err := fromRecord("p.", toRecord("p.", &m))
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", m) {
			t.Errorf("got  %+v\nwant %+v", got, m)
		}
	})
}

func TestMalformedRecords(t *testing.T) {
	t.Parallel()
	set := func(key, value string) func(*kgo.Record) {
		return func(r *kgo.Record) {
			for i := range r.Headers {
				if r.Headers[i].Key == key {
					r.Headers[i].Value = []byte(value)
				}
			}
		}
	}
	without := func(key string) func(*kgo.Record) {
		return func(r *kgo.Record) {
			var kept []kgo.RecordHeader
			for _, h := range r.Headers {
				if h.Key != key {
					kept = append(kept, h)
				}
			}
			r.Headers = kept
		}
	}
	key := func(k string) func(*kgo.Record) { return func(r *kgo.Record) { r.Key = []byte(k) } }
	for name, c := range map[string]struct {
		spoil func(*kgo.Record)
		want  error
	}{
		"no key":             {func(r *kgo.Record) { r.Key = nil }, errNoSubject},
		"other key":          {key("0192f0c1-0000-7000-8000-0000000000fe"), errNoSubject},
		"upper-case key":     {key("0192F0C1-0000-7000-8000-0000000000FF"), errNoSubject},
		"short key":          {key("0192f0c1"), errNoSubject},
		"no hex":             {key("0192f0c1-0000-7000-8000-0000000000fg"), errNoSubject},
		"no dashes":          {key("0192f0c1x0000x7000x8000x0000000000ff"), errNoSubject},
		"no headers":         {func(r *kgo.Record) { r.Headers = nil }, errEnvelope},
		"no subject header":  {without(headerSubject), errEnvelope},
		"no id":              {without(headerID), errEnvelope},
		"no type":            {without(headerType), errEnvelope},
		"no source":          {without(headerSource), errEnvelope},
		"no time":            {without(headerTime), errEnvelope},
		"no sequence":        {without(headerSequence), errEnvelope},
		"no spec version":    {without(headerSpecVersion), errEnvelope},
		"other spec version": {set(headerSpecVersion, "0.3"), errEnvelope},
		"bad time":           {set(headerTime, "yesterday"), errEnvelope},
		"bad sequence":       {set(headerSequence, "x"), errEnvelope},
		"sequence zero":      {set(headerSequence, "0"), errEnvelope},
		"bad attempt":        {set(headerAttempt, "-1"), errEnvelope},
		"bad cause":          {set(headerCausation, "x"), errEnvelope},
		"bad trace":          {set(headerTraceparent, "nonsense"), nil},
		"unknown header":     {func(r *kgo.Record) { r.Headers = append(r.Headers, kgo.RecordHeader{Key: "x"}) }, nil},
	} {
		m := testMessage()
		r := toRecord("", &m)
		c.spoil(r)
		got, err := fromRecord("", r)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
		if !errors.Is(err, errNoSubject) && got.Subject != m.Subject {
			t.Errorf("%s: subject %s is lost", name, got.Subject)
		}
	}
}

func TestTooLargeAValueIsRefused(t *testing.T) {
	t.Parallel()
	m := testMessage()
	m.Data = make([]byte, maxData+1)
	if err := fill(nil, "/services/x", &Message{}, &m, time.Now()); err == nil {
		t.Error("no error")
	}
}

func TestFill(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 6_789, time.UTC)
	in := Message{ID: uuid.New(), Subject: uuid.New(), Traceparent: testParent, Tracestate: "a=b"}
	out := Message{Body: fact{"Done.v1"}, Sequence: 4}
	if err := fill(facts{}, "/services/x", &in, &out, now); err != nil {
		t.Fatal(err)
	}
	want := Message{
		ID: AnswerID(in.Subject, "/services/x", 4), Source: "/services/x", Type: "Done.v1", Subject: in.Subject,
		Time: now.Truncate(time.Microsecond), Sequence: 4, CausationID: in.ID, Traceparent: testParent, Tracestate: "a=b",
		Body: fact{"Done.v1"}, Data: []byte(`{"fact":"Done.v1"}`), Topic: "test.events",
	}
	if fmt.Sprintf("%+v", out) != fmt.Sprintf("%+v", want) {
		t.Errorf("got  %+v\nwant %+v", out, want)
	}
}
