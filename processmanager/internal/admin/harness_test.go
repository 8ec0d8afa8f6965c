package admin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace/noop"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/telemetry"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/processmanager/internal/admin"
	"ordersaga.internal/processmanager/internal/fulfilment"
	"ordersaga.internal/processmanager/internal/runner"
	"ordersaga.internal/processmanager/migrations"
	"ordersaga.internal/processmanager/saga"
)

// port is an admin port in front of a running process manager.
type port struct {
	t       *testing.T
	url     string
	db      *testkit.DB
	handler *runner.Handler
	token   string
}

func newPort(t *testing.T) *port {
	t.Helper()
	p := &port{t: t, token: testkit.Token(t, "olga", "operator"), db: testkit.Postgres(t,
		testkit.Migration{Table: messaging.MigrationsTable, FS: messaging.Migrations},
		testkit.Migration{Table: migrations.Table, FS: migrations.FS})}
	log, registry := slog.New(slog.DiscardHandler), prometheus.NewRegistry()
	var err error
	if p.handler, err = runner.New(runner.Deps{
		Versions: saga.NewSet(fulfilment.V1), Log: log, Metrics: registry,
		Customer: func(data any) string { return data.(fulfilment.Order).CustomerID },
	}, runner.Config{}); err != nil {
		t.Fatal(err)
	}
	if err := p.handler.Prepare(t.Context(), p.db.Pool); err != nil {
		t.Fatal(err)
	}
	api := admin.New(admin.Deps{
		Machine: p.machine(log), DB: p.db.Pool, Log: log,
		Definitions: fulfilment.Versions().Outlines(),
	})
	routes, err := api.Routes()
	if err != nil {
		t.Fatal(err)
	}
	auth, err := httpserver.NewAuth(t.Context(), httpserver.AuthConfig{
		JWKS: testkit.JWKS(t), Issuer: testkit.Issuer, Audience: testkit.Audience, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(httpserver.Admin(httpserver.AdminConfig{
		Telemetry: telemetry.Telemetry{Log: log, Registry: registry}, Auth: auth, Routes: routes,
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// machine takes the wishes; no event reaches it.
func (p *port) machine(log *slog.Logger) *messaging.Machine[*runner.Batch] {
	p.t.Helper()
	broker := testkit.Kafka(p.t)
	broker.Topics(p.t, contracts.Partitions, append(contracts.Topics(), messaging.InternalTopic("processmanager"))...)
	m, err := messaging.New(messaging.Deps{
		Pool: p.db.Pool, Codec: contracts.NewRegistry(), Log: log, Metrics: prometheus.NewRegistry(),
		Tracer: noop.NewTracerProvider().Tracer(""),
		Kafka:  func(opts ...kgo.Opt) (*kgo.Client, error) { return kafka.NewClient(broker.Config(), log, opts...) },
	}, messaging.Handler[*runner.Batch](p.handler), messaging.Config{
		Service: "processmanager", Replica: "1", Topics: contracts.EventTopics(), TopicPrefix: broker.Prefix,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	p.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			p.t.Error(err)
		}
	})
	testkit.Eventually(p.t, func() bool { return m.Ready(p.t.Context()) == nil }, "ready")
	return m
}

// feed decides an event as if it had been read. cause is the command that it answers.
func (p *port) feed(order uuid.UUID, cause uuid.UUID, body saga.Message) {
	p.t.Helper()
	in := []messaging.Message{{
		ID: uuid.New(), Subject: order, CausationID: cause, Body: body, Type: body.WireType(), Topic: contracts.OrderEvents,
		Time: time.Now(), Traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
	}}
	tx, err := p.db.Pool.Begin(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	b, err := p.handler.Load(p.t.Context(), tx, in)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.handler.Decide(b, in[0], time.Now().UTC().Truncate(time.Microsecond)); err != nil {
		p.t.Fatal(err)
	}
	if err := p.handler.Save(p.t.Context(), tx, b); err != nil {
		p.t.Fatal(err)
	}
	if err := tx.Commit(p.t.Context()); err != nil {
		p.t.Fatal(err)
	}
	p.handler.Committed(b)
}

func (p *port) place(customer string) uuid.UUID {
	p.t.Helper()
	order := uuid.Must(uuid.NewV7())
	p.feed(order, uuid.Nil, contracts.OrderPlacedV2{OrderID: order, CustomerID: customer})
	return order
}

// owe leaves an order with an owed compensation of its authorisation.
func (p *port) owe(customer string) uuid.UUID {
	p.t.Helper()
	order := p.place(customer)
	p.feed(order, saga.CommandID(order, "reserve stock", false), contracts.StockReserved{OrderID: order})
	p.feed(order, saga.CommandID(order, "authorize payment", false), contracts.PaymentAuthorized{OrderID: order})
	p.feed(order, saga.CommandID(order, "capture payment", false), contracts.PaymentCaptureRefused{OrderID: order, Reason: contracts.ReasonExpired})
	p.feed(order, saga.CommandID(order, "authorize payment", true), contracts.PaymentVoidFailed{OrderID: order, Detail: "gone"})
	p.feed(order, saga.CommandID(order, "reserve stock", true), contracts.StockReleased{OrderID: order})
	return order
}

// call makes a request and decodes the answer into out, which may be nil. headers are names and values by turns.
func (p *port) call(method, path, body string, out any, headers ...string) *http.Response {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, p.url+"/admin/v1"+path, bytes.NewBufferString(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if p.token != "" {
		r.Header.Set("Authorization", "Bearer "+p.token)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	if out != nil {
		if err := json.Unmarshal(answer, out); err != nil {
			p.t.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, answer)
		}
	}
	return resp
}
