package promise_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/scripts/internal/promise"
)

func record(topic string, sequence int, value string) *kgo.Record {
	return &kgo.Record{Topic: topic, Key: []byte("o1"), Value: []byte(value), Headers: []kgo.RecordHeader{
		{Key: "ce_source", Value: []byte("/services/x")}, {Key: "ce_sequence", Value: fmt.Appendf(nil, "%020d", sequence)},
	}}
}

func TestReader(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		records []*kgo.Record
		broken  int
	}{
		{"in order over two topics", []*kgo.Record{record("a", 1, "1"), record("b", 2, "2"), record("a", 3, "3")}, 0},
		{"an old one again", []*kgo.Record{record("a", 1, "1"), record("a", 2, "2"), record("a", 1, "1")}, 0},
		{"again with other bytes", []*kgo.Record{record("a", 1, "1"), record("a", 1, "x")}, 1},
		{"out of order", []*kgo.Record{record("a", 2, "2"), record("a", 1, "1")}, 1},
		{"a gap", []*kgo.Record{record("a", 1, "1"), record("a", 3, "3")}, 1},
		{"no sequence", []*kgo.Record{{Topic: "a", Key: []byte("o1")}}, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := promise.New()
			for _, rec := range tt.records {
				r.See(rec)
			}
			n, broken := r.Broken()
			require.Equal(t, len(tt.records), n)
			require.Len(t, broken, tt.broken)
		})
	}
}
