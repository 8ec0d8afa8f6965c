package stripetest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Payment methods. The first two are Stripe's own, for testing.
const (
	MethodOK       = "pm_card_visa"
	MethodDeclined = "pm_card_visa_chargeDeclined"
	MethodExpires  = "pm_card_expires" // what it holds has expired when it is to be captured
)

// Imitation keeps intents and refunds as Stripe's documentation says that it does: the states of a PaymentIntent with manual
// capture, idempotency keys with replay, refunds bounded by what was captured. It forwards each request to stripe-mock, and
// answers with stripe-mock's example, in which it puts what it knows.
type Imitation struct {
	URL string

	mock  string
	ended chan struct{} // with the test

	mu      sync.Mutex
	intents map[string]*intent
	refunds []*refund
	keys    map[string]*answer
	faults  []*Fault
	asked   []string // "POST /v1/payment_intents"
	doing   int      // requests at the moment
}

// answer is what was answered under a key, to which request.
type answer struct {
	request string
	status  int
	body    []byte
	open    bool // not answered yet
}

// Fault befalls the next request that matches.
type Fault struct {
	Request string // "POST confirm": method, and the last part of the path
	When    When
	Hang    chan struct{} // where it is set, the fault waits until it is closed
	Reached chan struct{} // closed when a request has reached the fault
}

// When a fault befalls a request.
type When int

// After: it is done, and answered with 500, which is remembered under its key. Before: nothing is done, the answer is 500,
// and nothing is remembered. Late: it is done after the fault has waited.
const (
	After When = iota
	Before
	Late
)

// New starts an imitation of the test's own.
func New(t testing.TB) *Imitation {
	t.Helper()
	i := &Imitation{mock: Mock(t), ended: make(chan struct{}), intents: map[string]*intent{}, keys: map[string]*answer{}}
	server := httptest.NewServer(i)
	t.Cleanup(func() {
		close(i.ended)
		server.CloseClientConnections()
		server.Close()
	})
	i.URL = server.URL
	return i
}

// Break makes a fault befall the next request that matches.
func (i *Imitation) Break(f Fault) *Fault {
	i.mu.Lock()
	defer i.mu.Unlock()
	f.Reached = make(chan struct{})
	i.faults = append(i.faults, &f)
	return &f
}

// ForgetKeys makes it forget every idempotency key.
func (i *Imitation) ForgetKeys() {
	i.mu.Lock()
	defer i.mu.Unlock()
	clear(i.keys)
}

// Idle tells whether nothing is being asked, or done late.
func (i *Imitation) Idle() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.doing == 0
}

// Asked returns the requests so far.
func (i *Imitation) Asked() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]string{}, i.asked...)
}

// ServeHTTP implements http.Handler.
func (i *Imitation) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	fault := i.note(r)
	defer func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.doing--
	}()
	if fault != nil && fault.When != After {
		i.happen(fault)
		if fault.When == Before {
			write(w, http.StatusInternalServerError, false, failure("api_error", "", ""))
			return
		}
		r = r.WithContext(context.WithoutCancel(r.Context())) // nobody may be waiting any more
	}
	request := r.Method + " " + r.URL.Path + " " + string(body)
	key := r.Header.Get("Idempotency-Key")
	if key != "" && r.Method == http.MethodPost && i.replay(w, key, request) {
		return
	}
	status, data := i.do(r, body)
	if fault != nil && fault.When == After {
		i.happen(fault)
		status, data = http.StatusInternalServerError, failure("api_error", "", "")
	}
	if key != "" && r.Method == http.MethodPost {
		i.mu.Lock()
		i.keys[key] = &answer{request: request, status: status, body: data}
		i.mu.Unlock()
	}
	write(w, status, false, data)
}

func (i *Imitation) happen(f *Fault) {
	close(f.Reached)
	if f.Hang == nil {
		return
	}
	select {
	case <-f.Hang:
	case <-i.ended:
	}
}

func (i *Imitation) note(r *http.Request) *Fault {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked, i.doing = append(i.asked, r.Method+" "+r.URL.Path), i.doing+1
	name := r.Method + " " + r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	for n, f := range i.faults {
		if f.Request == name {
			i.faults = append(i.faults[:n:n], i.faults[n+1:]...)
			return f
		}
	}
	return nil
}

// replay answers a request whose key was used before.
func (i *Imitation) replay(w http.ResponseWriter, key, request string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	was := i.keys[key]
	switch {
	case was == nil:
		i.keys[key] = &answer{request: request, open: true}
		return false
	case was.request != request:
		write(w, http.StatusBadRequest, false, failure("idempotency_error", "", ""))
	case was.open:
		write(w, http.StatusConflict, false, failure("idempotency_error", "idempotency_key_in_use", ""))
	default:
		write(w, was.status, true, was.body)
	}
	return true
}

// do has stripe-mock check the request, does it, and returns the answer.
func (i *Imitation) do(r *http.Request, body []byte) (int, []byte) {
	status, example, err := i.ask(r, body)
	if err != nil {
		return http.StatusBadGateway, failure("api_error", "", "")
	}
	if status != http.StatusOK {
		return status, example
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	refusal, known := i.act(r, body)
	if refusal != nil {
		return refusal.status, failure(refusal.kind, refusal.code, refusal.declined)
	}
	var object map[string]any
	if err := json.Unmarshal(example, &object); err != nil {
		return http.StatusBadGateway, failure("api_error", "", "")
	}
	for name, value := range known {
		object[name] = value
	}
	data, err := json.Marshal(object)
	if err != nil {
		return http.StatusBadGateway, failure("api_error", "", "")
	}
	return http.StatusOK, data
}

func (i *Imitation) ask(r *http.Request, body []byte) (int, []byte, error) {
	forward, err := http.NewRequestWithContext(r.Context(), r.Method, i.mock+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	forward.Header = r.Header.Clone()
	forward.Header.Del("Accept-Encoding")
	answer, err := http.DefaultClient.Do(forward)
	if err != nil {
		return 0, nil, err
	}
	defer answer.Body.Close() //nolint:errcheck // read only
	data, err := io.ReadAll(answer.Body)
	return answer.StatusCode, data, err
}

func write(w http.ResponseWriter, status int, replayed bool, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	if replayed {
		w.Header().Set("Idempotent-Replayed", "true")
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // whoever asked may be gone
}

// failure is the body of an error. Its message names a person, as real ones may: it must not show up anywhere.
func failure(kind, code, declined string) []byte {
	object := map[string]any{"type": kind, "message": "Jenny Rosen's card 4242 did not do", "code": code}
	if declined != "" {
		object["decline_code"] = declined
	}
	data, err := json.Marshal(map[string]any{"error": object})
	if err != nil {
		panic(err) // strings
	}
	return data
}
