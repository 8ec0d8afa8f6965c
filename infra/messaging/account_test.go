package messaging_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ordersaga.internal/infra/messaging"
)

// The handler of the tests keeps accounts: small, but with everything a service has (entity, fence, deadlines), and with
// messages that fail in every way.

const (
	commandsTopic = "account.commands"
	eventsTopic   = "account.events"
)

var accountMigrations = fstest.MapFS{"0001_account.sql": &fstest.MapFile{Data: []byte(`-- +schema expands
-- +goose Up
CREATE TABLE account (
	subject uuid PRIMARY KEY, partition int NOT NULL, seen uuid[] NOT NULL, history text NOT NULL, sequence bigint NOT NULL,
	due timestamptz, CHECK (history NOT LIKE '%unsavable%'));
`)}}

type (
	// add appends Text to the history, once for each message id, and is answered by added.
	add struct {
		Text    string `json:"text"`
		Trouble string `json:"trouble,omitempty"` // undecidable or panic
	}
	// arm sets a deadline.
	arm struct {
		In time.Duration `json:"in"`
	}
	// open and undo are a command under the fence and its compensation.
	open  struct{}
	undo  struct{}
	added struct {
		History string `json:"history"`
	}
	opened  struct{}
	undone  struct{}
	expire  struct{} // an input only
	expired struct{}
)

type codec struct{}

func (codec) Encode(body any) (string, string, []byte, error) {
	topic := eventsTopic
	switch body.(type) {
	case add, arm, open, undo:
		topic = commandsTopic
	case added, opened, undone, expired:
	default:
		return "", "", nil, fmt.Errorf("%w: %T", errNoSuchBody, body)
	}
	data, err := json.Marshal(body)
	name := strings.TrimPrefix(fmt.Sprintf("%T", body), "messaging_test.")
	return name + ".v1", topic, data, err
}

func (codec) Decode(wireType string, data []byte) (any, error) {
	switch wireType {
	case "add.v1":
		return decode[add](data)
	case "arm.v1":
		return decode[arm](data)
	case "open.v1":
		return decode[open](data)
	case "undo.v1":
		return decode[undo](data)
	case "added.v1":
		return decode[added](data)
	}
	return nil, fmt.Errorf("%w: %s", errNoSuchBody, wireType)
}

func decode[T any](data []byte) (any, error) {
	var body T
	if err := json.Unmarshal(data, &body); err != nil {
		return nil, err
	}
	return body, nil
}

func (codec) Known(wireType string) bool {
	name, _, _ := strings.Cut(wireType, ".")
	return strings.Contains(" add arm open undo added opened undone expired ", " "+name+" ")
}

type account struct {
	partition int32
	seen      []uuid.UUID
	history   []string
	sequence  int64
	due       *time.Time
	changed   bool
}

type accounts struct {
	rows  map[uuid.UUID]*account
	fence *messaging.Fence
}

type handler struct {
	loads     atomic.Int64
	committed atomic.Int64
	mu        sync.Mutex
	onLoad    func([]messaging.Message) error
}

func newHandler() *handler { return &handler{} }

// intercept makes every Load call f first.
func (h *handler) intercept(f func([]messaging.Message) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.onLoad = f
}

var errRefused = errors.New("refused")

func (h *handler) Load(ctx context.Context, tx pgx.Tx, in []messaging.Message) (*accounts, error) {
	h.loads.Add(1)
	h.mu.Lock()
	onLoad := h.onLoad
	h.mu.Unlock()
	if onLoad != nil {
		if err := onLoad(in); err != nil {
			return nil, err
		}
	}
	s := &accounts{rows: map[uuid.UUID]*account{}}
	for i := range in {
		s.rows[in[i].Subject] = &account{partition: in[i].Partition}
	}
	rows, err := tx.Query(ctx, `SELECT subject, seen, history, sequence, due FROM account WHERE subject = ANY ($1) ORDER BY subject FOR UPDATE`,
		messaging.Subjects(in))
	if err != nil {
		return nil, err
	}
	var subject uuid.UUID
	var a account
	var history string
	_, err = pgx.ForEachRow(rows, []any{&subject, &a.seen, &history, &a.sequence, &a.due}, func() error {
		loaded := s.rows[subject]
		loaded.seen, loaded.sequence, loaded.due = a.seen, a.sequence, a.due
		loaded.history = strings.Fields(history)
		a.seen = nil
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.fence, err = messaging.LoadFence(ctx, tx, messaging.FenceConfig{Codec: codec{}, Source: "/services/account"}, in)
	return s, err
}

func (h *handler) Decide(s *accounts, in messaging.Message, now time.Time) ([]messaging.Message, error) {
	a := s.rows[in.Subject]
	switch body := in.Body.(type) {
	case add:
		switch body.Trouble {
		case "undecidable":
			return nil, errRefused
		case "panic":
			a.note("half")
			panic("trouble")
		}
		for _, id := range a.seen {
			if id == in.ID {
				return nil, nil
			}
		}
		a.seen = append(a.seen, in.ID)
		a.note(body.Text)
		return a.emit(added{strings.Join(a.history, " ")}), nil
	case arm:
		due := now.Add(body.In)
		a.due = &due
		a.note("armed")
		return nil, nil
	case restart:
		a.note("restarted")
		if a.due != nil {
			due := now.Add(time.Minute)
			a.due = &due
		}
		return nil, nil
	case expire:
		if a.due == nil || a.due.After(now) {
			return nil, nil
		}
		a.due = nil
		a.note("expired")
		return a.emit(expired{}), nil
	case open:
		return s.fence.Do(in, messaging.Operation{Name: "open"}, func() (any, error) { a.note("opened"); return opened{}, nil })
	case undo:
		return s.fence.Undo(in, messaging.Operation{Name: "open"}, func() (any, error) { a.note("undone"); return undone{}, nil })
	}
	return nil, messaging.Unhandled(in)
}

func (a *account) note(text string) {
	a.history = append(a.history, text)
	a.changed = true
}

func (a *account) emit(body any) []messaging.Message {
	a.sequence++
	return []messaging.Message{{Body: body, Sequence: a.sequence}}
}

func (h *handler) Save(ctx context.Context, tx pgx.Tx, s *accounts) error {
	for subject, a := range s.rows {
		if !a.changed {
			continue
		}
		_, err := tx.Exec(ctx, `
INSERT INTO account (subject, partition, seen, history, sequence, due) VALUES ($1, $2, coalesce($3::uuid[], '{}'), $4, $5, $6)
ON CONFLICT (subject) DO UPDATE SET seen = excluded.seen, history = excluded.history, sequence = excluded.sequence, due = excluded.due`,
			subject, a.partition, a.seen, strings.Join(a.history, " "), a.sequence, a.due)
		if err != nil {
			return err
		}
	}
	return s.fence.Save(ctx, tx)
}

func (h *handler) Committed(*accounts) { h.committed.Add(1) }

func (h *handler) Supersedes(in messaging.Message) []string {
	if _, ok := in.Body.(undo); ok {
		return []string{"open"}
	}
	return nil
}

func (h *handler) Due(ctx context.Context, tx pgx.Tx, until map[int32]time.Time, limit int) ([]messaging.Message, error) {
	var due []messaging.Message
	for partition, t := range until {
		rows, err := tx.Query(ctx, `SELECT subject FROM account WHERE partition = $1 AND due <= $2 ORDER BY due LIMIT $3`, partition, t, limit)
		if err != nil {
			return nil, err
		}
		subjects, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		if err != nil {
			return nil, err
		}
		for _, s := range subjects {
			due = append(due, messaging.Message{Subject: s, Body: expire{}})
		}
	}
	return due, nil
}

// restart is what starts the deadline of an account anew.
type restart struct{}

func (h *handler) Redriven() any { return restart{} }

func (h *handler) Defer(ctx context.Context, tx pgx.Tx, partition int32, d time.Duration) error {
	_, err := tx.Exec(ctx, `UPDATE account SET due = due + $2, history = history || ' deferred' WHERE partition = $1 AND due IS NOT NULL`, partition, d)
	return err
}
