package deadletters_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace/noop"

	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/messaging/deadletters"
	"ordersaga.internal/infra/telemetry"
	"ordersaga.internal/infra/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const topic = "note.commands"

// note is all that these services take: they keep none, and cannot bear the bad ones.
type note struct {
	Text string `json:"text"`
	Bad  bool   `json:"bad,omitempty"`
}

type notes struct{}

func (notes) Load(context.Context, pgx.Tx, []messaging.Message) (notes, error) { return notes{}, nil }
func (notes) Save(context.Context, pgx.Tx, notes) error                        { return nil }
func (notes) Committed(notes)                                                  {}

func (notes) Decide(_ notes, in messaging.Message, _ time.Time) ([]messaging.Message, error) {
	if body, ok := in.Body.(note); ok && !body.Bad {
		return nil, nil
	}
	return nil, errors.New("a bad note")
}

type codec struct{}

func (codec) Encode(body any) (string, string, []byte, error) {
	return "", "", nil, fmt.Errorf("%T is not sent", body)
}

func (codec) Decode(kind string, data []byte) (any, error) {
	if kind != "note.v1" {
		return nil, errors.New("no note")
	}
	var n note
	return n, json.Unmarshal(data, &n)
}

func (codec) Known(kind string) bool { return kind == "note.v1" }

// port is an admin port in front of a running machine.
type port struct {
	t      *testing.T
	url    string
	db     *testkit.DB
	broker testkit.Broker
	client *kgo.Client
	token  string
}

func newPort(t *testing.T) *port {
	t.Helper()
	p := &port{t: t, broker: testkit.Kafka(t), token: testkit.Token(t, "olga", "operator"),
		db: testkit.Postgres(t, testkit.Migration{Table: messaging.MigrationsTable, FS: messaging.Migrations})}
	p.broker.Topics(t, 1, topic, messaging.DeadLetterTopic(topic))
	p.client = p.broker.Client(t)
	log := slog.New(slog.DiscardHandler)
	machine, err := messaging.New(messaging.Deps{
		Pool: p.db.Pool, Codec: codec{}, Log: log, Metrics: prometheus.NewRegistry(), Tracer: noop.NewTracerProvider().Tracer(""),
		Kafka: func(opts ...kgo.Opt) (*kgo.Client, error) { return kafka.NewClient(p.broker.Config(), log, opts...) },
	}, messaging.Handler[notes](notes{}), messaging.Config{
		Service: "note", Topics: []string{topic}, TopicPrefix: p.broker.Prefix, Partitions: 1, Replica: "1", Workers: 1,
	})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- machine.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
	})
	routes, err := deadletters.Routes(machine, log)
	require.NoError(t, err)
	auth, err := httpserver.NewAuth(t.Context(), httpserver.AuthConfig{
		JWKS: testkit.JWKS(t), Issuer: testkit.Issuer, Audience: testkit.Audience,
	})
	require.NoError(t, err)
	server := httptest.NewServer(httpserver.Admin(httpserver.AdminConfig{
		Telemetry: telemetry.Telemetry{Registry: prometheus.NewRegistry()}, Auth: auth, Routes: routes,
	}))
	t.Cleanup(server.Close)
	p.url = server.URL + "/admin/v1/deadletters"
	return p
}

// send puts notes of a subject into the log.
func (p *port) send(subject uuid.UUID, values ...string) {
	p.t.Helper()
	for _, value := range values {
		r := &kgo.Record{Topic: p.broker.Prefix + topic, Key: []byte(subject.String()), Value: []byte(value)}
		for _, h := range [][2]string{
			{"ce_specversion", "1.0"}, {"ce_id", uuid.NewString()}, {"ce_source", "/services/test"}, {"ce_type", "note.v1"},
			{"ce_subject", subject.String()}, {"ce_time", "2026-01-02T03:04:05.000006Z"}, {"ce_sequence", "1"},
			{"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"},
		} {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: h[0], Value: []byte(h[1])})
		}
		require.NoError(p.t, p.client.ProduceSync(p.t.Context(), r).FirstErr())
	}
}

// ask sends a request and reads the answer into out, which may be nil.
func (p *port) ask(method, path, key, body string, out any) (status int) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, bytes.NewBufferString(body))
	require.NoError(p.t, err)
	req.Header.Set("Authorization", "Bearer "+p.token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(p.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(p.t, err)
	if out != nil {
		require.NoError(p.t, json.Unmarshal(text, out), string(text))
	}
	return resp.StatusCode
}

// waiting waits until a subject has so many letters and returns them, the newest first.
func (p *port) waiting(subject uuid.UUID, n int) []deadletters.DeadLetter {
	p.t.Helper()
	var page deadletters.DeadLetterPage
	testkit.Eventually(p.t, func() bool {
		require.Equal(p.t, http.StatusOK, p.ask("GET", "?subject="+subject.String(), "", "", &page))
		return len(page.Items) == n
	}, fmt.Sprintf("%d letters", n))
	return page.Items
}
