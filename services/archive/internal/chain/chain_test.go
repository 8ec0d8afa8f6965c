package chain_test

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"

	"ordersaga.internal/services/archive/internal/chain"
)

// The links are those of the first day, computed by another program (Python): other values would make every archive look
// tampered with.
func TestLinksNeverChange(t *testing.T) {
	t.Parallel()
	c := chain.Chain{Link: chain.Begin("order.events", 3, uuid.MustParse("0199b1de-7c1e-7aaa-8bbb-0123456789ab"), 7)}
	require.Equal(t, "d549176b39ec5a10f6377a2872c899e01a5b137e447d040fc9285342f9492123", hex.EncodeToString(c.Link[:]))
	c.Add(&chain.Record{
		Offset: 7, AppendedAt: time.UnixMilli(1_700_000_000_123), Key: []byte("k"), Value: nil,
		Headers: chain.AppendHeaders(nil, []kgo.RecordHeader{{Key: "a", Value: []byte("1")}, {Key: "b"}}),
	})
	require.Equal(t, "d764175490fc17b60f6d251ba38e1361b8581cff78937f5128efc30f961f9cd8", hex.EncodeToString(c.Link[:]))
	c.Add(&chain.Record{Offset: 9, AppendedAt: time.UnixMilli(1_700_000_000_124), Headers: chain.AppendHeaders(nil, nil)})
	require.Equal(t, "56e4652d8e94d34c59fe1a7f4d5da2bcdcc68f3761d0cf718147da844899290a", hex.EncodeToString(c.Link[:]))
}

func bytesOrNull(t *rapid.T, name string) []byte {
	if rapid.Bool().Draw(t, name+" is null") {
		return nil
	}
	return rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, name)
}

func TestHeadersComeBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := make([]kgo.RecordHeader, rapid.IntRange(0, 5).Draw(t, "headers"))
		for i := range in {
			in[i] = kgo.RecordHeader{Key: rapid.String().Draw(t, "key"), Value: bytesOrNull(t, "value")}
		}
		encoded := chain.AppendHeaders([]byte("before"), in)
		require.Equal(t, len("before")+chain.SizeOfHeaders(in), len(encoded))
		out, err := chain.Headers(encoded[len("before"):])
		require.NoError(t, err)
		require.Len(t, out, len(in))
		for i := range in {
			require.Equal(t, in[i].Key, out[i].Key)
			require.Equal(t, in[i].Value == nil, out[i].Value == nil)
			require.Equal(t, string(in[i].Value), string(out[i].Value))
		}
	})
}

func TestWhatIsNoHeadersIsAnError(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "bytes")
		if headers, err := chain.Headers(b); err == nil {
			require.Equal(t, b, chain.AppendHeaders(nil, headers), "each list has one encoding")
		}
	})
}

// Two records that differ in any part have different links, wherever one part ends and the next begins.
func TestEveryPartCounts(t *testing.T) {
	t.Parallel()
	draw := func(t *rapid.T) *chain.Record {
		return &chain.Record{
			Offset: rapid.Int64Range(0, 2).Draw(t, "offset"), AppendedAt: time.UnixMilli(rapid.Int64Range(0, 2).Draw(t, "time")),
			Key: bytesOrNull(t, "key"), Value: bytesOrNull(t, "value"),
			Headers: chain.AppendHeaders(nil, []kgo.RecordHeader{{Key: "k", Value: bytesOrNull(t, "header")}}),
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw(t), draw(t)
		var one, two chain.Chain
		one.Add(a)
		two.Add(b)
		same := a.Offset == b.Offset && a.AppendedAt.Equal(b.AppendedAt) && string(a.Headers) == string(b.Headers) &&
			string(a.Key) == string(b.Key) && (a.Key == nil) == (b.Key == nil) && string(a.Value) == string(b.Value) && (a.Value == nil) == (b.Value == nil)
		require.Equal(t, same, one.Link == two.Link)
	})
}
