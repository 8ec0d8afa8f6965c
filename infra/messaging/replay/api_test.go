package replay_test

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
	"ordersaga.internal/infra/messaging/replay"
	"ordersaga.internal/infra/telemetry"
	"ordersaga.internal/infra/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const topic = "note.events"

// notes hears of everything and keeps nothing: of a type that it does not know, there is nothing to keep.
type notes struct{}

func (notes) Load(context.Context, pgx.Tx, []messaging.Message) (notes, error) { return notes{}, nil }
func (notes) Decide(notes, messaging.Message, time.Time) ([]messaging.Message, error) {
	return nil, nil
}
func (notes) Save(context.Context, pgx.Tx, notes) error { return nil }
func (notes) Committed(notes)                           {}

type codec struct{}

func (codec) Encode(body any) (string, string, []byte, error) {
	return "", "", nil, fmt.Errorf("%T is not sent", body)
}
func (codec) Decode(string, []byte) (any, error) { return nil, errors.New("no note") }
func (codec) Known(string) bool                  { return false }

// port is an admin port in front of a running machine that has read a topic of one partition.
type port struct {
	t          *testing.T
	url, token string
}

func newPort(t *testing.T, records int) *port {
	t.Helper()
	broker, log := testkit.Kafka(t), slog.New(slog.DiscardHandler)
	db := testkit.Postgres(t, testkit.Migration{Table: messaging.MigrationsTable, FS: messaging.Migrations})
	broker.Topics(t, 1, topic, messaging.DeadLetterTopic(topic))
	machine, err := messaging.New(messaging.Deps{
		Pool: db.Pool, Codec: codec{}, Log: log, Metrics: prometheus.NewRegistry(), Tracer: noop.NewTracerProvider().Tracer(""),
		Kafka: func(opts ...kgo.Opt) (*kgo.Client, error) { return kafka.NewClient(broker.Config(), log, opts...) },
	}, messaging.Handler[notes](notes{}), messaging.Config{
		Service: "note", Topics: []string{topic}, TopicPrefix: broker.Prefix, Partitions: 1, Replica: "1", Workers: 1,
	})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- machine.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-done)
	})
	routes, err := replay.Routes(machine, log)
	require.NoError(t, err)
	auth, err := httpserver.NewAuth(t.Context(), httpserver.AuthConfig{JWKS: testkit.JWKS(t), Issuer: testkit.Issuer, Audience: testkit.Audience})
	require.NoError(t, err)
	server := httptest.NewServer(httpserver.Admin(httpserver.AdminConfig{
		Telemetry: telemetry.Telemetry{Registry: prometheus.NewRegistry()}, Auth: auth, Routes: routes,
	}))
	t.Cleanup(server.Close)
	client := broker.Client(t)
	for range records {
		r := &kgo.Record{Topic: broker.Prefix + topic, Key: []byte(uuid.NewString()), Value: []byte("{}")}
		for _, h := range [][2]string{
			{"ce_specversion", "1.0"}, {"ce_id", uuid.NewString()}, {"ce_source", "/services/test"}, {"ce_type", "Noted.v1"},
			{"ce_subject", string(r.Key)}, {"ce_time", "2026-01-02T03:04:05.000006Z"}, {"ce_sequence", "1"},
		} {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: h[0], Value: []byte(h[1])})
		}
		require.NoError(t, client.ProduceSync(t.Context(), r).FirstErr())
	}
	p := &port{t, server.URL + "/admin/v1/positions", testkit.Token(t, "olga", "operator")}
	p.readsOnAt(int64(records))
	return p
}

// ask sends a request and reads the answer into out, which may be nil.
func (p *port) ask(method, path, key, body string, out any) (status int) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, bytes.NewBufferString(body))
	require.NoError(p.t, err)
	req.Header.Set("Authorization", "Bearer "+p.token)
	req.Header.Set("Content-Type", "application/json")
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

func (p *port) readsOnAt(offset int64) {
	p.t.Helper()
	testkit.Eventually(p.t, func() bool {
		var list replay.PositionList
		require.Equal(p.t, http.StatusOK, p.ask("GET", "", "", "", &list))
		require.Equal(p.t, "note", list.Group)
		return len(list.Items) == 1 && list.Items[0].Next == offset && list.Items[0].Lag == 0 && list.Items[0].Owner != nil
	}, "all is read")
}

func TestOperatorRewindsAndIsRemembered(t *testing.T) {
	t.Parallel()
	p := newPort(t, 5)
	const whole = `{"to":{"beginning":true},"reason":"restored"}`
	var first, again replay.Rewound
	require.Equal(t, http.StatusOK, p.ask("POST", "/rewind", "k1", whole, &first))
	require.Equal(t, []replay.Moved{{Topic: topic, From: 5}}, first.Moves)
	p.readsOnAt(5)
	require.Equal(t, http.StatusOK, p.ask("POST", "/rewind", "k1", whole, &again))
	require.Equal(t, first, again, "the same wish, answered as the first time")
	require.Equal(t, http.StatusOK, p.ask("POST", "/rewind", "", `{"to":{"offset":3},"topic":"`+topic+`","partition":0,"reason":"case 7"}`, &again))
	require.Equal(t, []replay.Moved{{Topic: topic, From: 5, To: 3}}, again.Moves)
	p.readsOnAt(5)
	require.Equal(t, http.StatusOK, p.ask("POST", "/rewind", "", `{"to":{"time":"2026-01-01T00:00:00Z"},"reason":"case 8"}`, nil))
	p.readsOnAt(5)

	var reasons []string
	for cursor := ""; ; {
		var page replay.RewoundPage
		require.Equal(t, http.StatusOK, p.ask("GET", "/rewinds?limit=2"+cursor, "", "", &page))
		for _, r := range page.Items {
			require.Equal(t, "olga", r.Operator)
			reasons = append(reasons, r.Target+": "+r.Reason)
		}
		if page.NextCursor == nil {
			break
		}
		cursor = "&cursor=" + *page.NextCursor
	}
	require.Equal(t, []string{"2026-01-01T00:00:00Z: case 8", "3: case 7", "beginning: restored"}, reasons)
}

func TestWhatARewindCannotDoIsRefused(t *testing.T) {
	t.Parallel()
	p := newPort(t, 2)
	for body, want := range map[string]int{
		`{"to":{"beginning":true}}`:                                                   http.StatusBadRequest,
		`{"to":{"beginning":true},"reason":" "}`:                                      http.StatusBadRequest,
		`{"to":{},"reason":"x"}`:                                                      http.StatusBadRequest,
		`{"to":{"beginning":false},"reason":"x"}`:                                     http.StatusBadRequest,
		`{"to":{"offset":0,"beginning":true},"reason":"x"}`:                           http.StatusBadRequest,
		`{"to":{"offset":-1},"reason":"x"}`:                                           http.StatusBadRequest,
		`{"to":{"offset":0},"reason":"x"}`:                                            http.StatusUnprocessableEntity,
		`{"to":{"offset":9},"topic":"` + topic + `","partition":0,"reason":"x"}`:      http.StatusUnprocessableEntity,
		`{"to":{"beginning":true},"topic":"other","reason":"x"}`:                      http.StatusUnprocessableEntity,
		`{"to":{"beginning":true},"partition":7,"reason":"x"}`:                        http.StatusUnprocessableEntity,
		`{"to":{"time":"2100-01-01T00:00:00Z"},"topic":"` + topic + `","reason":"x"}`: http.StatusUnprocessableEntity,
	} {
		require.Equal(t, want, p.ask("POST", "/rewind", "", body, nil), body)
	}
	require.Equal(t, http.StatusBadRequest, p.ask("GET", "/rewinds?cursor=x", "", "", nil))
	var page replay.RewoundPage
	require.Equal(t, http.StatusOK, p.ask("GET", "/rewinds", "", "", &page))
	require.Empty(t, page.Items)
	p.token = testkit.Token(t, "carl", "customer")
	require.Equal(t, http.StatusForbidden, p.ask("POST", "/rewind", "", `{"to":{"beginning":true},"reason":"x"}`, nil))
	require.Equal(t, http.StatusForbidden, p.ask("GET", "", "", "", nil))
}
