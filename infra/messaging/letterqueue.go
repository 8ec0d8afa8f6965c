package messaging

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A turn of redriving takes no more than this, so that a long queue neither fills the memory nor holds its key's head, and
// with it the partition's owner, for long.
const (
	redriveLetters = 100
	redriveBytes   = 4 << 20
)

// queued is a letter as it is handled again.
type queued struct {
	item
	id    int64
	waits bool // its reason is that it waits
}

// queue is the front of a key's queue, read under the lock of its head; or the one letter of no key.
type queue struct {
	subject uuid.UUID
	locked  bool // there is a head
	letters []queued
	more    bool // than letters
}

const (
	queueColumns = `id, topic, topic_id, partition, "offset", reason, key, value, headers, written_at`
	sqlQueue     = `
SELECT ` + queueColumns + `
FROM (SELECT *, sum(coalesce(octet_length(value), 0)) OVER (ORDER BY id) - coalesce(octet_length(value), 0) AS ahead
      FROM (SELECT * FROM dead_letters WHERE "group" = $1 AND subject = $2 ORDER BY id LIMIT $3) AS l) AS l
WHERE ahead < $4 ORDER BY id`
	sqlMore = `SELECT EXISTS (SELECT FROM dead_letters WHERE "group" = $1 AND subject = $2 AND id > $3)`
	sqlSole = `SELECT ` + queueColumns + ` FROM dead_letters WHERE "group" = $1 AND id = $2 FOR UPDATE`
)

// lockHead locks the head of a key as part of b.
func (q *queue) lockHead(b *pgx.Batch, group string) {
	b.Queue(sqlLockHeads, group, []uuid.UUID{q.subject}).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			q.locked = true
		}
		return rows.Err()
	})
}

// readQueue reads the front of the key's queue: statements after the lock see all that was set behind it before.
func (m *Machine[S]) readQueue(ctx context.Context, tx pgx.Tx, q *queue, most int) error {
	rows, err := tx.Query(ctx, sqlQueue, m.cfg.Service, q.subject, most, redriveBytes)
	if err != nil {
		return fmt.Errorf("read dead letters: %w", err)
	}
	if q.letters, err = m.readLetters(rows); err != nil || len(q.letters) == 0 {
		return err
	}
	last := q.letters[len(q.letters)-1].id
	if err := tx.QueryRow(ctx, sqlMore, m.cfg.Service, q.subject, last).Scan(&q.more); err != nil {
		return fmt.Errorf("read dead letters: %w", err)
	}
	return nil
}

// readSole reads and locks the one letter of no key. It keeps it out of the queue of the key that it may name now.
func (m *Machine[S]) readSole(ctx context.Context, tx pgx.Tx, q *queue, id int64) error {
	rows, err := tx.Query(ctx, sqlSole, m.cfg.Service, id)
	if err != nil {
		return fmt.Errorf("read a dead letter: %w", err)
	}
	if q.letters, err = m.readLetters(rows); err != nil {
		return err
	}
	if len(q.letters) == 0 {
		return ErrNoLetter
	}
	q.subject = q.letters[0].msg.Subject
	if q.subject == uuid.Nil {
		return nil
	}
	waits := &pgx.Batch{}
	q.lockHead(waits, m.cfg.Service)
	if err := tx.SendBatch(ctx, waits).Close(); err != nil {
		return fmt.Errorf("lock a dead letter's head: %w", err)
	}
	if q.locked {
		return ErrKeyWaits
	}
	return nil
}

// readLetters turns rows of queueColumns into records again and reads them as a worker would.
func (m *Machine[S]) readLetters(rows pgx.Rows) ([]queued, error) {
	var (
		out                 []queued
		id, offset          int64
		at                  place
		topicID             uuid.UUID
		why                 string
		key, value, headers []byte
		written             time.Time
	)
	columns := []any{&id, &at.topic, &topicID, &at.partition, &offset, &why, &key, &value, &headers, &written}
	_, err := pgx.ForEachRow(rows, columns, func() error {
		r := &kgo.Record{
			Topic: m.cfg.TopicPrefix + at.topic, Partition: at.partition, Offset: offset,
			Key: key, Value: value, Timestamp: written.UTC(),
		}
		var err error
		if r.Headers, err = unmarshalHeaders(headers); err != nil {
			return err
		}
		letter := queued{item: m.readRecord(&position{place: at, topicID: topicID}, r), id: id, waits: reason(why) == reasonBehind}
		if letter.msg.Subject != uuid.Nil {
			letter.msg.Partition = m.partition(letter.msg.Subject)
		}
		out = append(out, letter)
		key, value, headers = nil, nil, nil // they are the letter's now
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read dead letters: %w", err)
	}
	return out, nil
}

func unmarshalHeaders(text []byte) ([]kgo.RecordHeader, error) {
	var headers []headerJSON
	if err := json.Unmarshal(text, &headers); err != nil {
		return nil, fmt.Errorf("headers of a dead letter: %w", err)
	}
	return kafkaHeaders(headers), nil
}

func kafkaHeaders(headers []headerJSON) []kgo.RecordHeader {
	out := make([]kgo.RecordHeader, len(headers))
	for i, h := range headers {
		out[i] = kgo.RecordHeader{Key: h.Key, Value: h.Value}
	}
	return out
}
