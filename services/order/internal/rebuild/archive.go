package rebuild

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Archive reads the archive's tables (services/archive/migrations), of which it needs:
//
//	stream (stream, topic, partition, next)                   the newest stream of a place is the one that is read on
//	record (stream, "offset", appended_at, key, value, headers)  headers: a count, then each key and value behind their lengths,
//	                                                          32 bits each, big-endian; the length of a null value is -1
type Archive struct{ Pool *pgxpool.Pool }

var _ Source = Archive{}

const (
	selectStream = `
SELECT stream, next FROM stream WHERE topic = $1 AND partition = $2 ORDER BY stream DESC LIMIT 1`

	selectRecords = `
SELECT "offset", appended_at, key, value, headers FROM record
WHERE stream = $1 AND "offset" >= $2 AND "offset" < $3 ORDER BY "offset" LIMIT $4`
)

// Read reads one span after the other; the rest is what the archiver has not read yet.
func (a Archive) Read(ctx context.Context, spans []Span, each func([]*kgo.Record) error) (rest []Span, err error) {
	for _, s := range spans {
		var stream int16
		var next int64
		err := a.Pool.QueryRow(ctx, selectStream, s.Topic, s.Partition).Scan(&stream, &next)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return nil, fmt.Errorf("read the archive: %w", err)
		}
		to := min(s.To, next)
		for from := s.From; from < to; {
			records, err := a.records(ctx, stream, Span{s.Place, from, to})
			if err != nil {
				return nil, fmt.Errorf("read the archive of %s/%d: %w", s.Topic, s.Partition, err)
			}
			if len(records) == 0 { // what is left are markers
				break
			}
			if err := each(records); err != nil {
				return nil, err
			}
			from = records[len(records)-1].Offset + 1
		}
		if s.From = max(s.From, to); s.From < s.To {
			rest = append(rest, s)
		}
	}
	return rest, nil
}

func (a Archive) records(ctx context.Context, stream int16, s Span) ([]*kgo.Record, error) {
	rows, err := a.Pool.Query(ctx, selectRecords, stream, s.From, s.To, chunk)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (*kgo.Record, error) {
		r := &kgo.Record{Topic: s.Topic, Partition: s.Partition}
		var at pgtype.Timestamptz
		var headers []byte
		if err := row.Scan(&r.Offset, &at, &r.Key, &r.Value, &headers); err != nil {
			return nil, err
		}
		r.Timestamp = at.Time
		var ok bool
		if r.Headers, ok = decodeHeaders(headers); !ok {
			return nil, fmt.Errorf("offset %d: malformed headers", r.Offset)
		}
		return r, nil
	})
}

// decodeHeaders reads the archive's encoding.
func decodeHeaders(b []byte) (headers []kgo.RecordHeader, ok bool) {
	number := func() (int, bool) {
		if len(b) < 4 {
			return 0, false
		}
		n := int32(binary.BigEndian.Uint32(b))
		b = b[4:]
		return int(n), true
	}
	bytes := func() ([]byte, bool) {
		n, ok := number()
		if !ok || n > len(b) {
			return nil, false
		}
		if n < 0 {
			return nil, true
		}
		out := b[:n:n]
		b = b[n:]
		return out, true
	}
	count, ok := number()
	for range max(0, count) {
		key, ok := bytes()
		if !ok {
			return nil, false
		}
		value, ok := bytes()
		if !ok {
			return nil, false
		}
		headers = append(headers, kgo.RecordHeader{Key: string(key), Value: value})
	}
	return headers, ok && len(b) == 0
}
