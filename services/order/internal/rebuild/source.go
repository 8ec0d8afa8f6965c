package rebuild

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Place is one partition of one topic (without prefix).
type Place struct {
	Topic     string
	Partition int32
}

// Cut is how far each place was read: the offset to read next.
type Cut map[Place]int64

// Span is the records of a place from From up to, not including, To.
type Span struct {
	Place
	From, To int64
}

// Source holds raw records as they came, each partition in the order of its offsets.
type Source interface {
	// Read calls each with the records of the spans, a few thousand at a time, each span's in order and once; an error of
	// each ends it. rest is the spans, or their ends, that the source does not hold yet: the next one is asked for them.
	Read(ctx context.Context, spans []Span, each func([]*kgo.Record) error) (rest []Span, err error)
}
