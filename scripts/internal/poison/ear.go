package poison

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/scripts/internal/load"
)

// markedPrefix begins the name of every customer whose orders are marked.
const markedPrefix = "marked-"

// Customer is the name of a customer whose orders are marked.
func Customer(of string) string { return markedPrefix + of }

// Ear hears every topic: how orders end, and all that is said of the marked ones.
type Ear struct {
	Ends *load.Ends

	mu     sync.Mutex
	others map[uuid.UUID]struct{}      // known not to be marked
	said   map[uuid.UUID][]*kgo.Record // of the marked, and of those of which it is not known yet; in the log's order within a topic
}

// NewEar returns an ear that has heard nothing.
func NewEar() *Ear {
	return &Ear{Ends: load.NewEnds(), others: map[uuid.UUID]struct{}{}, said: map[uuid.UUID][]*kgo.Record{}}
}

// Hear is the callback of a tap of all topics.
func (e *Ear) Hear(r *kgo.Record) {
	e.Ends.See(r)
	id, err := uuid.ParseBytes(r.Key)
	if err != nil {
		return // the checker will say so
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, other := e.others[id]; other {
		return
	}
	if load.Name(r) == "OrderPlaced" && !strings.HasPrefix(customerOf(r), markedPrefix) {
		e.others[id] = struct{}{}
		delete(e.said, id)
		return
	}
	e.said[id] = append(e.said[id], r)
}

func customerOf(r *kgo.Record) string {
	var payload struct {
		Customer string `json:"customer_id"`
	}
	if json.Unmarshal(r.Value, &payload) != nil {
		return ""
	}
	return payload.Customer
}

// Said returns what was said of a marked order so far.
func (e *Ear) Said(id uuid.UUID) []*kgo.Record {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]*kgo.Record(nil), e.said[id]...)
}

// Heard tells whether a marked order has a message of a name ("OrderPlaced").
func (e *Ear) Heard(id uuid.UUID, name string) bool { return e.find(id, name) != nil }

func (e *Ear) find(id uuid.UUID, name string) *kgo.Record {
	for _, r := range e.Said(id) {
		if load.Name(r) == name {
			return r
		}
	}
	return nil
}

// Mouth says old messages again.
type Mouth struct {
	ear *Ear
	cl  *kgo.Client
}

// NewMouth returns a mouth that says what an ear heard.
func NewMouth(brokers string, ear *Ear) (*Mouth, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(brokers, ",")...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return nil, fmt.Errorf("say it again: %w", err)
	}
	return &Mouth{ear, cl}, nil
}

// Close disconnects.
func (m *Mouth) Close() { m.cl.Close() }

// Again puts messages of an order into the log once more, byte for byte: every reader must bear that at any time.
func (m *Mouth) Again(ctx context.Context, id uuid.UUID, names ...string) error {
	for _, name := range names {
		r := m.ear.find(id, name)
		if r == nil {
			return fmt.Errorf("%s of %s cannot be said again: it was not heard", name, id)
		}
		again := &kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: r.Key, Value: r.Value, Headers: r.Headers}
		if err := m.cl.ProduceSync(ctx, again).FirstErr(); err != nil {
			return fmt.Errorf("say %s of %s again: %w", name, id, err)
		}
	}
	return nil
}
