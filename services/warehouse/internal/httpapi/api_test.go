package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace/noop"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/warehouse/internal/httpapi"
	"ordersaga.internal/services/warehouse/internal/participant"
	"ordersaga.internal/services/warehouse/internal/store"
	"ordersaga.internal/services/warehouse/migrations"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// client is an operator at a warehouse of the test's own.
type client struct {
	t      *testing.T
	server *httptest.Server
	token  string
}

func newClient(t *testing.T) client {
	t.Helper()
	db := testkit.Postgres(t,
		testkit.Migration{Table: messaging.MigrationsTable, FS: messaging.Migrations},
		testkit.Migration{Table: migrations.Table, FS: migrations.FS})
	broker := testkit.Kafka(t)
	broker.Topics(t, contracts.Partitions, contracts.WarehouseCommands, contracts.WarehouseEvents, messaging.DeadLetterTopic(contracts.WarehouseCommands))
	log, registry, codec := slog.New(slog.DiscardHandler), prometheus.NewRegistry(), contracts.NewRegistry()
	handler, err := participant.New(codec, registry)
	if err != nil {
		t.Fatal(err)
	}
	machine, err := messaging.New(messaging.Deps{
		Pool:  db.Pool,
		Kafka: func(opts ...kgo.Opt) (*kgo.Client, error) { return kafka.NewClient(broker.Config(), log, opts...) },
		Codec: codec, Log: log, Metrics: registry, Tracer: noop.NewTracerProvider().Tracer(""),
	}, handler, messaging.Config{
		Service: participant.Service, Topics: participant.Topics(), TopicPrefix: broker.Prefix, Replica: "1",
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- machine.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	auth, err := httpserver.NewAuth(t.Context(), httpserver.AuthConfig{
		JWKS: testkit.JWKS(t), Issuer: testkit.Issuer, Audience: testkit.Audience, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	routes, err := httpapi.New(auth, httpapi.Deps{Machine: machine, Stock: store.Reader{Pool: db.Pool}, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(routes)
	t.Cleanup(server.Close)
	return client{t, server, testkit.Token(t, "olga", "operator")}
}

// call returns the status and the body.
func (c client) call(method, path, key, body string) (status int, answer string) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.server.URL+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	resp, err := c.server.Client().Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(raw))
}

func (c client) want(method, path, key, body string, status int, part string) {
	c.t.Helper()
	got, answer := c.call(method, path, key, body)
	if got != status || !strings.Contains(answer, part) {
		c.t.Errorf("%s %s %s: got %d %s, want %d with %s", method, path, body, got, answer, status, part)
	}
}

func TestReceiptsAndDamage(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	c.want("GET", "/v1/stock/SKU-1", "", "", 404, `"type":"/problems/not-found"`)
	c.want("POST", "/v1/stock/SKU-1/damage", "k0", `{"quantity":1}`, 404, `"type":"/problems/not-found"`)

	after := `{"damaged":0,"dispatched":0,"on_hand":5,"received":5,"reserved":0,"sku":"SKU-1","written_off":0}`
	c.want("POST", "/v1/stock/SKU-1/receipts", "k1", `{"quantity":5}`, 200, after)
	c.want("POST", "/v1/stock/SKU-1/damage", "k2", `{"quantity":2}`, 200, `"damaged":2`)
	c.want("POST", "/v1/stock/SKU-1/receipts", "k1", ` { "quantity" : 5.0 } `, 200, after) // as it was then
	c.want("GET", "/v1/stock/SKU-1", "", "", 200, `{"damaged":2,"dispatched":0,"on_hand":5,`)

	c.want("POST", "/v1/stock/SKU-1/receipts", "k1", `{"quantity":6}`, 422, `"type":"/problems/idempotency-key-reused"`)
	c.want("POST", "/v1/stock/SKU-2/receipts", "k1", `{"quantity":5}`, 422, `"type":"/problems/idempotency-key-reused"`)
	c.want("POST", "/v1/stock/SKU-1/damage", "k3", `{"quantity":4}`, 422, `"type":"/problems/too-much-damage"`)
	c.token = testkit.Token(t, "oscar", "operator")
	c.want("POST", "/v1/stock/SKU-1/receipts", "k1", `{"quantity":1}`, 200, `"received":6`)
}

func TestBadRequestsAreRefusedWithTheFieldAndChangeNothing(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	const path = "/v1/stock/SKU-1/receipts"
	c.want("POST", path, "", `{"quantity":5}`, 400, "#/header/Idempotency-Key")
	for body, pointer := range map[string]string{
		`{"quantity":0}`:             "/quantity",
		`{"quantity":-1}`:            "/quantity",
		`{"quantity":1000001}`:       "/quantity",
		`{"quantity":1e300}`:         "/quantity",
		`{"quantity":1.5}`:           "/quantity",
		`{"quantity":"5"}`:           "/quantity",
		`{"quantity":null}`:          "/quantity",
		`{}`:                         "quantity",
		`{"quantity":5,"price":100}`: "price",
		`[]`:                         "pointer",
		`{"quantity":`:               "/problems/invalid-json",
	} {
		c.want("POST", path, "k", body, 400, pointer)
	}
	c.want("POST", "/v1/stock/%00/receipts", "k", `{"quantity":5}`, 400, "sku")
	c.want("POST", "/v1/stock/"+strings.Repeat("x", 65)+"/receipts", "k", `{"quantity":5}`, 400, "sku")
	c.want("PUT", path, "k", `{"quantity":5}`, 405, "/problems/method-not-allowed")
	c.want("GET", "/v1/stocks", "", "", 404, "/problems/not-found")
	c.want("GET", "/v1/stock?limit=0", "", "", 400, "limit")
	c.want("GET", "/v1/stock?cursor=%25", "", "", 400, "cursor")
	c.want("GET", "/v1/stock?cursor=a%20b", "", "", 400, "cursor")

	c.token = testkit.Token(t, "alice", "customer")
	c.want("POST", path, "k", `{"quantity":5}`, 403, "/problems/forbidden")
	c.token = ""
	c.want("POST", path, "k", `{"quantity":5}`, 401, "/problems/missing-token")
	c.token = "forged"
	c.want("GET", "/v1/stock", "", "", 401, "/problems/invalid-token")
	c.token = testkit.Token(t, "olga", "operator")
	c.want("GET", "/v1/stock", "", "", 200, `{"items":[],"next_cursor":null}`)
}

func TestTheStockIsListedInPages(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	const skus = 7
	for i := range skus {
		c.want("POST", fmt.Sprintf("/v1/stock/SKU-%d/receipts", i), fmt.Sprint("k", i), `{"quantity":1}`, 200, "")
	}
	var seen []string
	for path := "/v1/stock?limit=3"; path != ""; {
		status, body := c.call("GET", path, "", "")
		var page struct {
			Items      []struct{ SKU string }
			NextCursor *string `json:"next_cursor"`
		}
		if err := json.Unmarshal([]byte(body), &page); err != nil || status != 200 || len(page.Items) > 3 {
			t.Fatalf("%d %s: %v", status, body, err)
		}
		for _, item := range page.Items {
			seen = append(seen, item.SKU)
		}
		path = ""
		if page.NextCursor != nil {
			path = "/v1/stock?limit=3&cursor=" + *page.NextCursor
		}
	}
	if got := strings.Join(seen, " "); got != "SKU-0 SKU-1 SKU-2 SKU-3 SKU-4 SKU-5 SKU-6" {
		t.Errorf("got %s", got)
	}
}
