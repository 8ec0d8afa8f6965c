package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"ordersaga.internal/services/provider/internal/charges"
	"ordersaga.internal/services/provider/internal/ledger"
)

// Store keeps the book and the ledger in step: what is decided is appended under the same lock, so that the ledger's order
// is the book's, and nobody is told anything before it is on the device.
type Store struct {
	ledger *ledger.Ledger

	mu   sync.Mutex
	book *charges.Book
}

// OpenStore replays the ledger in the folder.
func OpenStore(folder string, observe ledger.Observer) (*Store, error) {
	book := charges.NewBook()
	file, err := ledger.Open(filepath.Join(folder, "ledger.jsonl"), func(line []byte) error {
		var e charges.Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("decode: %w", err)
		}
		book.Apply(e)
		return nil
	}, observe)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return &Store{ledger: file, book: book}, nil
}

// Execute does what the request asks for, once for its key, and returns the result when it is durable.
func (s *Store) Execute(ctx context.Context, r charges.Request, refuse charges.Refusal) (charges.Entry, error) {
	result, ticket, err := s.execute(r, refuse)
	if err != nil {
		return charges.Entry{}, err
	}
	return result, wait(ctx, ticket)
}

func (s *Store) execute(r charges.Request, refuse charges.Refusal) (charges.Entry, ledger.Ticket, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok, err := s.book.Remembered(r); ok || err != nil {
		return e, s.ledger.Barrier(), err
	}
	entries, err := s.book.Decide(r, refuse, now())
	if err != nil {
		return charges.Entry{}, ledger.Ticket{}, err
	}
	ticket, err := s.record(entries...)
	return entries[len(entries)-1], ticket, err
}

// Close makes whatever comes later under the key fail, and returns what is remembered under it.
func (s *Store) Close(ctx context.Context, key string) (charges.Entry, error) {
	s.mu.Lock()
	e, fresh := s.book.Close(key, now())
	ticket, err := s.ledger.Barrier(), error(nil)
	if fresh {
		ticket, err = s.record(e)
	}
	s.mu.Unlock()
	if err != nil {
		return charges.Entry{}, err
	}
	return e, wait(ctx, ticket)
}

// ForgetKeys forgets every key, until a restart replays the ledger.
func (s *Store) ForgetKeys() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.book.ForgetKeys()
}

// record appends and applies under the lock.
func (s *Store) record(entries ...charges.Entry) (ledger.Ticket, error) {
	var ticket ledger.Ticket
	for _, e := range entries {
		line, err := json.Marshal(e)
		if err != nil {
			return ticket, fmt.Errorf("encode entry: %w", err)
		}
		ticket = s.ledger.Append(line)
		s.book.Apply(e)
	}
	return ticket, nil
}

// Get returns what is remembered under the key.
func (s *Store) Get(ctx context.Context, key string) (charges.Entry, bool, error) {
	s.mu.Lock()
	e, ok := s.book.Get(key)
	ticket := s.ledger.Barrier()
	s.mu.Unlock()
	if !ok {
		return charges.Entry{}, false, nil
	}
	return e, true, wait(ctx, ticket)
}

// Of returns what happened under the caller's reference.
func (s *Store) Of(ctx context.Context, reference string) ([]charges.Entry, error) {
	s.mu.Lock()
	entries := s.book.Of(reference)
	ticket := s.ledger.Barrier()
	s.mu.Unlock()
	return entries, wait(ctx, ticket)
}

// Subject returns the reference and payment method that the request is about.
func (s *Store) Subject(r charges.Request) (reference, method string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.book.Reference(r), s.book.PaymentMethod(r)
}

// ReferenceUnder returns the reference of what is remembered under the key, "" where nothing is.
func (s *Store) ReferenceUnder(key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, _ := s.book.Get(key)
	return e.Reference
}

// Ledger returns every durable line, oldest first. The caller closes it.
func (s *Store) Ledger() (io.ReadCloser, error) {
	return s.ledger.Read()
}

// Size is how many bytes of the ledger are durable.
func (s *Store) Size() int64 { return s.ledger.Size() }

// Lines returns durable lines of the ledger from a byte on; see ledger.Ledger.Lines.
func (s *Store) Lines(from int64, limit int) ([]byte, error) { return s.ledger.Lines(from, limit) }

// Failed is closed when the ledger can no longer be written: the program must end and replay it.
func (s *Store) Failed() <-chan struct{} { return s.ledger.Failed() }

// Shut writes what is left and closes the ledger.
func (s *Store) Shut() error {
	return s.ledger.Close()
}

func wait(ctx context.Context, t ledger.Ticket) error {
	return t.Wait(ctx)
}

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
