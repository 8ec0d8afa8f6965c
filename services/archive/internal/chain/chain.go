// Package chain is the hash chain over the records of one stream, and the encoding of a record that it hashes. Both are
// written down in docs/decisions/0001-the-hash-chain.md, for those who recompute them.
package chain

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Link is the hash after a record; it stands for that record and all before it.
type Link [sha256.Size]byte

// Record is what the chain hashes of one.
type Record struct {
	Offset     int64
	AppendedAt time.Time // whole milliseconds
	Key, Value []byte    // nil: null
	Headers    []byte    // encoded, see AppendHeaders
}

// Begin is the link before the first record of a stream. topic is without prefix, begins the first offset that was there
// to be read.
func Begin(topic string, partition int32, topicID uuid.UUID, begins int64) Link {
	b := []byte("ordersaga archive 1\n")
	b = appendBytes(b, []byte(topic))
	b = binary.BigEndian.AppendUint32(b, uint32(partition))
	b = append(b, topicID[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(begins))
	return sha256.Sum256(b)
}

// Chain is a link with memory to work in. The zero Chain is not one: set Link.
type Chain struct {
	Link
	scratch []byte
}

// Add goes on to the link after r.
func (c *Chain) Add(r *Record) {
	b := append(c.scratch[:0], c.Link[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(r.Offset))
	b = binary.BigEndian.AppendUint64(b, uint64(r.AppendedAt.UnixMilli()))
	b = appendBytes(b, r.Key)
	b = appendBytes(b, r.Value)
	b = append(b, r.Headers...)
	c.Link = sha256.Sum256(b)
	c.scratch = b
}

// appendBytes adds the length, -1 for null, and the bytes.
func appendBytes(b, x []byte) []byte {
	if x == nil {
		return binary.BigEndian.AppendUint32(b, ^uint32(0))
	}
	return append(binary.BigEndian.AppendUint32(b, uint32(len(x))), x...)
}

// AppendHeaders adds a record's headers in their order: their count, then key and value of each.
func AppendHeaders(b []byte, headers []kgo.RecordHeader) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(headers)))
	for i := range headers {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(headers[i].Key))), headers[i].Key...)
		b = appendBytes(b, headers[i].Value)
	}
	return b
}

// SizeOfHeaders is how many bytes AppendHeaders adds.
func SizeOfHeaders(headers []kgo.RecordHeader) int {
	n := 4
	for i := range headers {
		n += 8 + len(headers[i].Key) + len(headers[i].Value)
	}
	return n
}

var errHeaders = errors.New("not encoded headers")

// Headers is the opposite of AppendHeaders. What it returns shares memory with b.
func Headers(b []byte) ([]kgo.RecordHeader, error) {
	if len(b) < 4 {
		return nil, errHeaders
	}
	n := binary.BigEndian.Uint32(b)
	b = b[4:]
	if uint64(n)*8 > uint64(len(b)) {
		return nil, errHeaders
	}
	out := make([]kgo.RecordHeader, n)
	for i := range out {
		key, rest, ok := cutBytes(b)
		if !ok || key == nil {
			return nil, errHeaders
		}
		value, rest, ok := cutBytes(rest)
		if !ok {
			return nil, errHeaders
		}
		out[i], b = kgo.RecordHeader{Key: string(key), Value: value}, rest
	}
	if len(b) != 0 {
		return nil, errHeaders
	}
	return out, nil
}

func cutBytes(b []byte) (x, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := int32(binary.BigEndian.Uint32(b))
	b = b[4:]
	switch {
	case n == -1:
		return nil, b, true
	case n < 0 || int(n) > len(b):
		return nil, nil, false
	}
	return b[:n:n], b[n:], true
}
