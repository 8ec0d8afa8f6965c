package rebuild

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/infra/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// tables are what Archive needs of services/archive/migrations.
const tables = `
CREATE TABLE stream (stream smallint PRIMARY KEY, topic text NOT NULL, partition integer NOT NULL, next bigint NOT NULL);
CREATE TABLE record (stream smallint NOT NULL, "offset" bigint NOT NULL, appended_at timestamptz NOT NULL, key bytea, value bytea,
                     headers bytea NOT NULL, PRIMARY KEY (stream, "offset", appended_at));`

// encodeHeaders is the archive's encoding.
func encodeHeaders(headers []kgo.RecordHeader) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(headers)))
	for _, h := range headers {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(h.Key))), h.Key...)
		if h.Value == nil {
			b = binary.BigEndian.AppendUint32(b, 0xffffffff)
			continue
		}
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(h.Value))), h.Value...)
	}
	return b
}

// The archive hands out what it holds of a span, byte for byte, from the newest stream of the place, and says what is left.
func TestTheArchiveReadsWhatItHolds(t *testing.T) {
	t.Parallel()
	db := testkit.Postgres(t)
	ctx := t.Context()
	if _, err := db.Pool.Exec(ctx, tables); err != nil {
		t.Fatal(err)
	}
	headers := []kgo.RecordHeader{{Key: "ce_id", Value: []byte("x")}, {Key: "null"}, {Key: "empty", Value: []byte{}}, {Key: "", Value: []byte{0, 255}}}
	for _, s := range []struct {
		stream, partition int
		next              int64
		offsets           []int64
	}{
		{1, 0, 3, []int64{0, 1, 2}},    // the log was made again: stream 2 counts
		{2, 0, 9, []int64{0, 1, 4, 7}}, // 8 was a marker, others have gaps
		{3, 1, 2, []int64{0, 1}},
	} {
		if _, err := db.Pool.Exec(ctx, `INSERT INTO stream VALUES ($1, 'order.events', $2, $3)`, s.stream, s.partition, s.next); err != nil {
			t.Fatal(err)
		}
		for _, o := range s.offsets {
			_, err := db.Pool.Exec(ctx, `INSERT INTO record VALUES ($1, $2, now(), 'key', $3, $4)`, s.stream, o, fmt.Append(nil, s.stream, "-", o), encodeHeaders(headers))
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	var got string
	rest, err := Archive{db.Pool}.Read(ctx, []Span{
		{Place{"order.events", 0}, 1, 9}, {Place{"order.events", 1}, 0, 5}, {Place{"order.events", 2}, 0, 1}, {Place{"order.events", 1}, 4, 6},
	}, func(records []*kgo.Record) error {
		for _, r := range records {
			got += fmt.Sprintf("%d@%d %s; ", r.Partition, r.Offset, r.Value)
			if fmt.Sprintf("%q", r.Headers) != fmt.Sprintf("%q", headers) || r.Headers[1].Value != nil || string(r.Key) != "key" || r.Timestamp.IsZero() {
				t.Errorf("%+v", r)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := "0@1 2-1; 0@4 2-4; 0@7 2-7; 1@0 3-0; 1@1 3-1; "; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if want := fmt.Sprint([]Span{{Place{"order.events", 1}, 2, 5}, {Place{"order.events", 2}, 0, 1}, {Place{"order.events", 1}, 4, 6}}); fmt.Sprint(rest) != want {
		t.Errorf("rest %v, want %s", rest, want)
	}
}

func TestMalformedHeadersAreRefused(t *testing.T) {
	t.Parallel()
	good := encodeHeaders([]kgo.RecordHeader{{Key: "a", Value: []byte("b")}})
	if _, ok := decodeHeaders(good); !ok {
		t.Error("good ones are refused")
	}
	for n := range len(good) {
		if _, ok := decodeHeaders(good[:n]); ok {
			t.Errorf("cut off after %d bytes", n)
		}
	}
	if _, ok := decodeHeaders(append(good, 0)); ok {
		t.Error("more than is counted")
	}
}
