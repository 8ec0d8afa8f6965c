package messaging

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace"

	"ordersaga.internal/infra/kafka"
)

const (
	deleteOutboxSQL = `DELETE FROM outbox WHERE id = ANY($1::bigint[])`

	// Always from the oldest row: ids are drawn before their commits, so a lower one may still appear. What is on its way
	// is read again, and left out then; nothing is locked or skipped.
	readOutboxSQL = `
SELECT id, aggregateid, aggregatetype, type, payload, event_id, source, time, sequence,
       causationid, attempt, traceparent, tracestate, record
FROM outbox ORDER BY id LIMIT $1`
)

// parcel is one record on its way: what its acknowledgement needs to know. It travels as the record's context.
type parcel struct {
	context.Context
	id      int64
	subject uuid.UUID
	span    trace.Span // nil where the trace is not sampled
}

// turn renews the lease, deletes what was acknowledged and reads what comes next, in one round trip, then sends it. It
// returns whether there may be more. Errors: errLeaseLost; else of the connection, which is of no more use.
func (r *relay) turn(ctx context.Context, conn *pgx.Conn) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, relayTurn)
	defer cancel()
	acked, flying, limit := r.takeStock()
	start := time.Now()
	renew, lost := start.Sub(r.renewed) > leaseRenewal, false

	batch := &pgx.Batch{}
	if renew {
		batch.Queue(renewLeaseSQL, r.owner, leaseTTL).Exec(func(tag commandTag) error {
			lost = tag.RowsAffected() == 0
			return nil
		})
	}
	if len(acked) > 0 {
		batch.Queue(deleteOutboxSQL, acked)
	}
	var next haul
	if limit > 0 {
		batch.Queue(readOutboxSQL, limit).Query(func(rows pgx.Rows) error { return r.readRows(rows, flying, &next) })
	}
	if batch.Len() == 0 {
		return false, nil
	}
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		r.returnAcked(acked)
		return false, fmt.Errorf("relay's turn: %w", err)
	}
	if lost {
		return false, errLeaseLost
	}
	if renew {
		r.renewed = start
	}
	r.send(&next)
	return next.read == limit && len(next.parcels) > 0, nil
}

// sweep deletes what was acknowledged, and nothing else.
func (r *relay) sweep(ctx context.Context, conn *pgx.Conn) error {
	acked, _, _ := r.takeStock()
	if _, err := conn.Exec(ctx, deleteOutboxSQL, acked); err != nil {
		r.returnAcked(acked)
		return fmt.Errorf("relay's last deletion: %w", err)
	}
	return nil
}

// takeStock takes the acknowledged ids and returns what is on its way and how many rows to read: none while much is on
// its way, which would be read again each time, or while something failed.
func (r *relay) takeStock() (acked []int64, flying map[uuid.UUID]int64, limit int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	acked, r.acked, r.held = r.acked, nil, false
	r.hungry = len(r.flight) > relayAhead
	if r.hungry || r.failed != nil {
		return acked, nil, 0
	}
	return acked, maps.Clone(r.flight), len(r.flight) + relayRead
}

// returnAcked keeps ids whose deletion failed, or may have. To delete a row twice does no harm.
func (r *relay) returnAcked(ids []int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.acked = append(r.acked, ids...)
}

// haul is what a read brings: a record and its parcel at the same index.
type haul struct {
	records []kgo.Record
	parcels []parcel
	read    int // rows, those left out included
}

// readRows turns rows into records, leaving out those whose subject has one on its way, or had when the turn began: that
// one's row may be among these, and nothing may follow it before it is known to have arrived. flying becomes what is on
// its way with the records.
func (r *relay) readRows(rows pgx.Rows, flying map[uuid.UUID]int64, h *haul) error {
	behind := false
	var w wire
	for rows.Next() {
		h.read++
		column := rows.RawValues()
		if len(column) != 14 || len(column[0]) != 8 || len(column[1]) != 16 {
			return errors.New("outbox row is not of the shape expected")
		}
		id := int64(binary.BigEndian.Uint64(column[0]))
		subject := uuid.UUID(column[1])
		if other, ok := flying[subject]; ok {
			behind = behind || other != id
			continue
		}
		flying[subject] = id
		w.read(column)
		record := kgo.Record{Partition: kafka.Partition(w.subject, r.partitions)}
		w.into(&record, r.prefix)
		if column[13] != nil {
			if err := r.readCopy(column[13], &record); err != nil {
				return err
			}
		}
		h.records = append(h.records, record)
		h.parcels = append(h.parcels, parcel{
			Context: context.Background(), id: id, subject: subject, span: startPublish(r.tracer, &w, record.Partition),
		})
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read the outbox: %w", err)
	}
	r.mu.Lock()
	r.held = behind
	r.mu.Unlock()
	return nil
}

// readCopy makes record the copy of a dead letter in the column.
func (r *relay) readCopy(column []byte, record *kgo.Record) error {
	var c recordJSON
	if err := json.Unmarshal(column, &c); err != nil {
		return fmt.Errorf("copy of a dead letter in the outbox: %w", err)
	}
	c.into(record, record.Topic)
	record.Partition = kafka.Partition(c.Key, r.partitions)
	return nil
}

// read copies the columns of readOutboxSQL, which are the connection's, into one piece of memory.
func (w *wire) read(column [][]byte) {
	size := 3*36 + 10
	for _, c := range column[3:] {
		size += len(c)
	}
	b := make([]byte, 0, size)
	text := func(c []byte) []byte {
		at := len(b)
		b = append(b, c...)
		return b[at:len(b):len(b)]
	}
	id := func(c []byte) []byte {
		at := len(b)
		if len(c) == 16 {
			b = appendUUID(b, [16]byte(c))
		}
		return b[at:len(b):len(b)]
	}
	*w = wire{
		subject: id(column[1]), topic: string(column[2]), kind: text(column[3]), data: text(column[4]), id: id(column[5]),
		source: text(column[6]), time: text(column[7]), sequence: text(column[8]), cause: id(column[9]),
		parent: text(column[11]), states: text(column[12]),
	}
	if len(column[10]) == 4 {
		at := len(b)
		b = appendInt(b, int64(binary.BigEndian.Uint32(column[10])))
		w.attempt = b[at:len(b):len(b)]
	}
}

// send hands the records over, unless something failed meanwhile; landed takes their acknowledgements.
func (r *relay) send(h *haul) {
	r.mu.Lock()
	if r.failed != nil {
		r.mu.Unlock()
		return
	}
	for i := range h.parcels {
		r.flight[h.parcels[i].subject] = h.parcels[i].id
	}
	r.mu.Unlock()
	for i := range h.records {
		h.records[i].Context = &h.parcels[i]
		r.client.Produce(context.Background(), &h.records[i], r.landed)
	}
}

// landed is called once for each record, acknowledged or not.
func (r *relay) landed(record *kgo.Record, err error) {
	l, ok := record.Context.(*parcel)
	if !ok {
		panic("messaging: a record lost its parcel") // the client keeps a record's context
	}
	if l.span != nil {
		endSpan(l.span, err)
	}
	r.mu.Lock()
	delete(r.flight, l.subject)
	if err == nil {
		r.acked = append(r.acked, l.id)
	} else if r.failed == nil {
		r.failed = fmt.Errorf("publish to %s: %w", record.Topic, err)
	}
	tell := len(r.flight) == 0 || r.hungry && len(r.flight) == relayAhead || r.held || r.failed != nil
	r.mu.Unlock()
	if err == nil {
		r.metrics.published.Inc()
	}
	if tell {
		signal(r.settled)
	}
}
