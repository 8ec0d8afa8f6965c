// Package overload offers the order API more orders than it takes, beside reading, cancelling and repeating, and tells what came
// of it: that what was refused is not stored, what was accepted is not lost, and how long who waited.
package overload

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"ordersaga.internal/scripts/internal/load"
)

// Kind of a request.
type Kind int

// The kinds.
const (
	Place  Kind = iota // a new order
	Repeat             // of one that was accepted
	Read
	Cancel
	kinds
)

// Outcome of a request.
type Outcome int

// The outcomes.
const (
	Done   Outcome = iota // as it should be
	Shed                  // 503 "overloaded" with Retry-After
	Broken                // anything else
)

// Answer is what came of one request.
type Answer struct {
	Kind    Kind
	Outcome Outcome
	Sent    time.Time
	Late    time.Duration // how much later than due it was sent: the generator's fault
	Took    time.Duration
	Key     string    // of a Place
	Order   uuid.UUID // of a Place that is Done
	Why     string    // of what is Broken
}

// Rates of requests, each a second.
type Rates struct{ Place, Repeat, Read, Cancel float64 }

// placed is an accepted order that others read, cancel or repeat.
type placed struct {
	key   string
	order load.Order
	id    uuid.UUID
}

const remembered = 2000 // of the last accepted orders

// Traffic sends requests and collects their answers.
type Traffic struct {
	client *load.Client
	seed   uint64

	mu      sync.Mutex
	answers []Answer
	recent  []placed
	count   int
}

// New returns Traffic to be sent by a client.
func New(c *load.Client, seed uint64) *Traffic { return &Traffic{client: c, seed: seed} }

// Run sends at these rates for d and returns the answers.
func (t *Traffic) Run(ctx context.Context, r Rates, d time.Duration) []Answer {
	t.mu.Lock()
	t.answers = nil
	t.mu.Unlock()
	var all sync.WaitGroup
	for kind, rate := range map[Kind]float64{Place: r.Place, Repeat: r.Repeat, Read: r.Read, Cancel: r.Cancel} {
		if rate == 0 {
			continue
		}
		all.Go(func() {
			load.Open(ctx, rate, d, func(i int, due time.Time) {
				random := rand.New(rand.NewPCG(t.seed+uint64(kind), uint64(i)))
				sent := time.Now()
				a, ok := t.send(ctx, kind, random)
				if !ok || ctx.Err() != nil {
					return
				}
				a.Kind, a.Sent, a.Late, a.Took = kind, sent, sent.Sub(due), time.Since(sent)
				t.mu.Lock()
				defer t.mu.Unlock()
				t.answers = append(t.answers, a)
			})
		})
	}
	all.Wait()
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.answers
}

// send makes one request; ok is false where there is no order yet that it could be about.
func (t *Traffic) send(ctx context.Context, kind Kind, r *rand.Rand) (a Answer, ok bool) {
	if kind == Place {
		o, _ := load.Standard(r)
		a = Answer{Key: uuid.NewString()}
		if a.Order, a.Outcome, a.Why = t.place(ctx, a.Key, o); a.Outcome == Done {
			t.remember(placed{a.Key, o, a.Order})
		}
		return a, true
	}
	p, ok := t.pick(r)
	if !ok {
		return a, false
	}
	path := "/v1/orders/" + p.id.String()
	switch kind {
	case Repeat:
		var id uuid.UUID
		if id, a.Outcome, a.Why = t.place(ctx, p.key, p.order); a.Outcome == Done && id != p.id {
			a.Outcome, a.Why = Broken, "a repeated request was answered with another order"
		}
	case Read:
		_, err := t.client.Do(ctx, http.MethodGet, path, "", nil, nil)
		a.Outcome, a.Why = judge(nil, err)
	default:
		_, err := t.client.Do(ctx, http.MethodPost, path+"/cancellation", "", nil, nil)
		var status *load.StatusError
		if errors.As(err, &status) && status.Status == http.StatusConflict { // it was faster
			err = nil
		}
		a.Outcome, a.Why = judge(nil, err)
	}
	return a, true
}

func (t *Traffic) place(ctx context.Context, key string, o load.Order) (uuid.UUID, Outcome, string) {
	var answer struct {
		OrderID uuid.UUID `json:"order_id"`
	}
	header, err := t.client.Do(ctx, http.MethodPost, "/v1/orders", key, o, &answer)
	outcome, why := judge(header, err)
	return answer.OrderID, outcome, why
}

// judge sorts out an answer. header is nil where the request may not be shed.
func judge(header http.Header, err error) (Outcome, string) {
	if err == nil {
		return Done, ""
	}
	var status *load.StatusError
	if header == nil || !errors.As(err, &status) || status.Status != http.StatusServiceUnavailable {
		return Broken, err.Error()
	}
	var problem struct {
		Type string `json:"type"`
	}
	if json.Unmarshal([]byte(status.Body), &problem) != nil || problem.Type != "/problems/overloaded" {
		return Broken, err.Error()
	}
	if n, err := strconv.Atoi(header.Get("Retry-After")); err != nil || n < 1 {
		return Broken, "503 with Retry-After " + strconv.Quote(header.Get("Retry-After"))
	}
	return Shed, ""
}

func (t *Traffic) remember(p placed) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.recent) < remembered {
		t.recent = append(t.recent, p)
	} else {
		t.recent[t.count%remembered] = p
	}
	t.count++
}

func (t *Traffic) pick(r *rand.Rand) (placed, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.recent) == 0 {
		return placed{}, false
	}
	return t.recent[r.IntN(len(t.recent))], true
}
