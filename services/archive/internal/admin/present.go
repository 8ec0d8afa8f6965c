package admin

import (
	"encoding/hex"
	"fmt"
	"time"
	"unicode/utf8"

	"ordersaga.internal/services/archive/internal/chain"
	"ordersaga.internal/services/archive/internal/store"
)

func toPage(rows []store.Row, streams []*store.Stream, more bool) (RecordPage, error) {
	byID := make(map[int16]*store.Stream, len(streams))
	for _, s := range streams {
		byID[s.ID] = s
	}
	page := RecordPage{Items: make([]Record, len(rows))}
	for i := range rows {
		var err error
		if page.Items[i], err = toRecord(&rows[i], byID[rows[i].Stream]); err != nil {
			return RecordPage{}, err
		}
	}
	if more && len(rows) > 0 {
		page.NextCursor = cursor(&rows[len(rows)-1])
	}
	return page, nil
}

func toRecord(r *store.Row, s *store.Stream) (Record, error) {
	if s == nil { // its first records were committed after the streams were read
		return Record{}, fmt.Errorf("stream %d: %w", r.Stream, errUnavailable)
	}
	headers, err := chain.Headers(r.Headers)
	if err != nil {
		return Record{}, fmt.Errorf("%s/%d offset %d: %w", s.Topic, s.Partition, r.Offset, err)
	}
	out := Record{
		Topic: s.Topic, TopicId: s.TopicID, Partition: int(s.Partition), Offset: r.Offset, AppendedAt: r.AppendedAt.UTC(), Type: r.Type,
		Key: toBytes(r.Key), Value: toBytes(r.Value), Headers: make([]Header, len(headers)),
	}
	for i, h := range headers {
		out.Headers[i] = Header{Key: h.Key, Value: toBytes(h.Value)}
		if !utf8.ValidString(h.Key) {
			out.Headers[i].Key = ""
			raw := []byte(h.Key)
			out.Headers[i].KeyBase64 = &raw
		}
	}
	return out, nil
}

// toBytes is null where b is nil.
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

func toStream(s *store.Stream) Stream {
	out := Stream{
		Topic: s.Topic, TopicId: s.TopicID, Partition: int(s.Partition), Begins: s.Begins, Next: s.Next, Records: s.Records,
		Chain: hex.EncodeToString(s.Chain[:]),
	}
	if !s.ArchivedAt.IsZero() {
		at := s.ArchivedAt.UTC().Truncate(time.Millisecond)
		out.ArchivedAt = &at
	}
	if s.Reason != "" {
		out.Reason = &s.Reason
	}
	return out
}
