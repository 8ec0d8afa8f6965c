package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/program"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/order/migrations"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// shop is a database, a broker and replicas of the service on them. What the service emits is in the log.
type shop struct {
	t      testing.TB
	db     *testkit.DB
	broker testkit.Broker
	client *http.Client

	mu     sync.Mutex
	events []event
}

// event is a record of order.events.
type event struct {
	key      string
	headers  map[string]string
	body     []byte
	wireType string
}

func newShop(t testing.TB) *shop {
	t.Helper()
	return newShopOn(t, testkit.Kafka(t))
}

func newShopOn(t testing.TB, broker testkit.Broker) *shop {
	t.Helper()
	s := &shop{
		t: t, broker: broker,
		db: testkit.Postgres(t,
			testkit.Migration{Table: messaging.MigrationsTable, FS: messaging.Migrations},
			testkit.Migration{Table: migrations.Table, FS: migrations.FS}),
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 100}
	t.Cleanup(transport.CloseIdleConnections)
	s.client = &http.Client{Transport: transport}
	s.broker.Topics(t, contracts.Partitions, contracts.OrderEvents, contracts.OrderCommands, messaging.DeadLetterTopic(contracts.OrderCommands))
	s.tap()
	return s
}

// replica is a running program.
type replica struct {
	*shop
	url, admin string
	stop       func()
}

func (s *shop) start(name string, change ...func(*config)) *replica {
	s.t.Helper()
	c := config{
		Common: program.Common{
			DatabaseURL: s.db.URL, DatabaseConns: 10, KafkaBrokers: s.broker.Addrs, KafkaTopicPrefix: s.broker.Prefix,
			Replica: name, Workers: 2, Relay: true, JWKS: testkit.JWKS(s.t), JWTIssuer: testkit.Issuer,
			JWTAudience: testkit.Audience, LogLevel: "error",
		},
		HTTPAddr: "127.0.0.1:0", AdminAddr: "127.0.0.1:0", Concurrent: 1000, Outbox: 1000, Unfinished: 1000, Streams: 100,
		PlacedVersion: 1,
	}
	for _, f := range change {
		f(&c)
	}
	ctx, cancel := context.WithCancel(context.Background())
	running, err := newService(ctx, c)
	if err != nil {
		cancel()
		s.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- running.run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Errorf("replica %s: %v", name, err)
		}
		running.parts.Close(context.Background())
	})
	s.t.Cleanup(stop)
	r := &replica{shop: s, url: "http://" + running.api.Addr(), admin: "http://" + running.admin.Addr(), stop: stop}
	testkit.Eventually(s.t, func() bool { return running.machine.Ready(s.t.Context()) == nil }, "replica is ready")
	return r
}

// answer of an HTTP request.
type answer struct {
	status int
	header http.Header
	body   string
}

// problem is the code and the pointers of a problem, in one line.
func (a answer) problem() string {
	var p struct {
		Type   string
		Errors []struct{ Pointer, Detail string }
	}
	if a.header.Get("Content-Type") != "application/problem+json" || json.Unmarshal([]byte(a.body), &p) != nil {
		return "no problem: " + a.body
	}
	out := strings.TrimPrefix(p.Type, "/problems/")
	for _, e := range p.Errors {
		out += " " + e.Pointer
	}
	return out
}

func (a answer) json(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	return v
}

// do sends a request. headers are names and values by turns; an empty token sends none.
func (r *replica) do(token, method, path, body string, headers ...string) answer {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := r.client.Do(req)
	if err != nil {
		r.t.Error(err)
		return answer{}
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Error(err)
	}
	return answer{res.StatusCode, res.Header, string(text)}
}

const mug = `{"lines":[{"sku":"mug","quantity":2}],"payment_method":"pm_ok","ship_to":"addr_home"}`

func (r *replica) place(token, key, body string) answer {
	r.t.Helper()
	return r.do(token, http.MethodPost, "/v1/orders", body, "Idempotency-Key", key)
}

// placed places an order that must be accepted, and returns its id.
func (r *replica) placed(token, key string) uuid.UUID {
	r.t.Helper()
	a := r.place(token, key, mug)
	if a.status != http.StatusAccepted {
		r.t.Fatalf("%d %s", a.status, a.body)
	}
	id, ok := a.json(r.t)["order_id"].(string)
	if !ok {
		r.t.Fatal(a.body)
	}
	return uuid.MustParse(id)
}

// stock puts products into the catalogue.
func (r *replica) stock(skus ...string) {
	r.t.Helper()
	operator := testkit.Token(r.t, "olga", "operator")
	for _, sku := range skus {
		a := r.do(operator, http.MethodPut, "/v1/products/"+sku, `{"name":"A `+sku+`","unit_price":{"amount_minor":1999,"currency":"EUR"}}`)
		if a.status != http.StatusCreated {
			r.t.Fatalf("%d %s", a.status, a.body)
		}
	}
}

// command sends a command as the process manager does.
func (s *shop) command(order uuid.UUID, body contracts.Message, id uuid.UUID, attempt string) {
	s.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	key := []byte(order.String())
	record := &kgo.Record{Topic: s.broker.Prefix + contracts.OrderCommands, Key: key, Value: data, Partition: kafka.Partition(key, contracts.Partitions)}
	for _, h := range [][2]string{
		{"ce_specversion", "1.0"},
		{"ce_id", id.String()},
		{"ce_source", "/services/processmanager"},
		{"ce_type", body.WireType()},
		{"ce_subject", order.String()},
		{"ce_time", time.Now().UTC().Format(time.RFC3339Nano)},
		{"ce_sequence", "00000000000000000001"},
		{"ce_correlationid", order.String()},
		{"ce_attempt", attempt},
		{"content-type", "application/json"},
	} {
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: h[0], Value: []byte(h[1])})
	}
	if err := s.broker.Client(s.t).ProduceSync(s.t.Context(), record).FirstErr(); err != nil {
		s.t.Fatal(err)
	}
}

// tap reads the service's events until the test ends.
func (s *shop) tap() {
	client := s.broker.Client(s.t, kgo.ConsumeTopics(s.broker.Prefix+contracts.OrderEvents), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	s.t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
				e := event{key: string(r.Key), body: bytes.Clone(r.Value), headers: map[string]string{}}
				for _, h := range r.Headers {
					e.headers[h.Key] = string(h.Value)
				}
				e.wireType = e.headers["ce_type"]
				s.mu.Lock()
				s.events = append(s.events, e)
				s.mu.Unlock()
			})
		}
	}()
}

// emitted returns the types of an order's events in log order.
func (s *shop) emitted(order uuid.UUID) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var types []string
	for _, e := range s.events {
		if e.key == order.String() {
			types = append(types, strings.TrimSuffix(e.wireType, ".v1"))
		}
	}
	return types
}

func (s *shop) awaitEvents(order uuid.UUID, want ...string) {
	s.t.Helper()
	testkit.Eventually(s.t, func() bool { return len(s.emitted(order)) >= len(want) }, "events "+strings.Join(want, " "))
	if got := s.emitted(order); strings.Join(got, " ") != strings.Join(want, " ") {
		s.t.Errorf("events %v, want %v", got, want)
	}
}

func (s *shop) count(query string, args ...any) (n int) {
	s.t.Helper()
	if err := s.db.Pool.QueryRow(s.t.Context(), query, args...).Scan(&n); err != nil {
		s.t.Fatal(err)
	}
	return n
}
