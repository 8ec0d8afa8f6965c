package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// Decoder reads the data of instances. saga.Set is one.
type Decoder interface {
	Decode(definition string, version int, data []byte) (any, error)
}

// Store reads and writes instances within the transactions of others. It remembers the data of instances in flight, which
// never changes, so that it is decoded once and not at every transition.
type Store struct {
	decoder Decoder
	data    *cache
}

// New returns a store. remember is how many instances' data it keeps in memory.
func New(d Decoder, remember int) *Store {
	return &Store{decoder: d, data: newCache(remember)}
}

// Lock reads and locks the instances of the ids, which are sorted; those that there are.
func (s *Store) Lock(ctx context.Context, tx pgx.Tx, ids []uuid.UUID) ([]*Record, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := tx.Query(ctx, lockSQL, pgIDs(ids), id(ids[0]), id(ids[len(ids)-1]))
	if err != nil {
		return nil, fmt.Errorf("lock instances: %w", err)
	}
	records, err := readRecords(rows)
	if err != nil {
		return nil, fmt.Errorf("lock instances: %w", err)
	}
	return records, s.readData(ctx, tx, records)
}

// readData gives each record its data, from memory where it is there.
func (s *Store) readData(ctx context.Context, tx pgx.Tx, records []*Record) error {
	missing := make(map[uuid.UUID]*Record)
	var ids []uuid.UUID
	for _, r := range records {
		if r.Data = s.data.get(r.ID); r.Data == nil {
			missing[r.ID] = r
			ids = append(ids, r.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, dataSQL, pgIDs(ids), id(ids[0]), id(ids[len(ids)-1]))
	if err != nil {
		return fmt.Errorf("read data of instances: %w", err)
	}
	var (
		order pgtype.UUID
		data  []byte
	)
	_, err = pgx.ForEachRow(rows, []any{&order, &data}, func() (err error) {
		r := missing[order.Bytes]
		if r.Data, err = s.decoder.Decode(r.Definition, r.Version, data); err != nil {
			return fmt.Errorf("instance %s: %w", r.ID, err)
		}
		if !r.State.Final() {
			s.data.put(r.ID, r.Data)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read data of instances: %w", err)
	}
	return nil
}

// Save writes what changed, each slice in the order of ids: one statement a table and kind, in one round trip. Errors: a
// unique violation where another transaction came first.
func (s *Store) Save(ctx context.Context, tx pgx.Tx, fresh, changed []*Record, entries []*Entry) error {
	batch := &pgx.Batch{}
	if n := len(fresh); n > 0 {
		fixed, err := fixedArgs(fresh, json.Marshal)
		if err != nil {
			return err
		}
		batch.Queue(insertSQL, append(newMoving(fresh).args(), fixed...)...).Exec(exactly(n))
	}
	if n := len(changed); n > 0 {
		batch.Queue(updateSQL, newMoving(changed).args()...).Exec(exactly(n))
	}
	if len(entries) > 0 {
		batch.Queue(historySQL, entryArgs(entries)...)
	}
	if batch.Len() == 0 {
		return nil
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("save instances and history: %w", err)
	}
	return nil
}

// Committed tells the store what was saved for good.
func (s *Store) Committed(fresh, changed []*Record) {
	s.data.update(fresh, changed)
}

var errRowCount = errors.New("not every row was there")

func exactly(n int) func(pgconn.CommandTag) error {
	return func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() != int64(n) {
			return fmt.Errorf("%w: %d of %d", errRowCount, tag.RowsAffected(), n)
		}
		return nil
	}
}

func pgIDs(ids []uuid.UUID) []pgtype.UUID {
	out := make([]pgtype.UUID, len(ids))
	for i := range ids {
		out[i] = id(ids[i])
	}
	return out
}
