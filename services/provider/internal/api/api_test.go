package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"ordersaga.internal/services/provider/internal/api"
	"ordersaga.internal/services/provider/internal/charges"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const key = "sk_test"

// desk is a provider over real HTTP whose every answer is checked against the OpenAPI document.
type desk struct {
	t      *testing.T
	server *httptest.Server
	client *http.Client
	router routers.Router
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	store, err := api.OpenStore(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	handler := api.New(store, prometheus.NewRegistry(), api.Config{APIKey: key, Hold: 10 * time.Second})
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		handler.Stop()
		if err := store.Shut(); err != nil {
			t.Error(err)
		}
	})
	doc, err := openapi3.NewLoader().LoadFromFile("../../../../contracts/openapi/provider.yaml")
	if err != nil {
		t.Fatal(err)
	}
	doc.Servers = openapi3.Servers{{URL: server.URL}}
	router, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return &desk{t: t, server: server, client: server.Client(), router: router}
}

// send returns the status and body of the answer; status 0 where there was none.
func (d *desk) send(ctx context.Context, method, path, idempotency, body string, header ...string) (int, []byte) {
	d.t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, d.server.URL+path, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if idempotency != "" {
		r.Header.Set("Idempotency-Key", idempotency)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := d.client.Do(r)
	if err != nil {
		return 0, nil
	}
	data, err := io.ReadAll(answer.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		d.t.Fatal(err)
	}
	d.validate(r, answer, data)
	return answer.StatusCode, data
}

func (d *desk) validate(r *http.Request, answer *http.Response, data []byte) {
	d.t.Helper()
	if strings.Contains(answer.Header.Get("Content-Type"), "ndjson") {
		return
	}
	route, params, err := d.router.FindRoute(r)
	if err != nil {
		d.t.Fatal(err)
	}
	err = openapi3filter.ValidateResponse(d.t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route},
		Status:                 answer.StatusCode, Header: answer.Header, Body: io.NopCloser(bytes.NewReader(data)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
	if err != nil {
		d.t.Errorf("%s %s answered %d %s: %v", r.Method, r.URL.Path, answer.StatusCode, data, err)
	}
}

func (d *desk) entry(method, path, idempotency, body string) (int, charges.Entry) {
	d.t.Helper()
	status, data := d.send(d.t.Context(), method, path, idempotency, body)
	var e charges.Entry
	if status == http.StatusOK || status == http.StatusPaymentRequired || status == http.StatusConflict {
		if err := json.Unmarshal(data, &e); err != nil {
			d.t.Fatal(err)
		}
	}
	return status, e
}

func authorization(method string) string {
	return fmt.Sprintf(`{"amount_minor":500,"currency":"EUR","payment_method":%q,"reference":"order"}`, method)
}

const half = `{"amount_minor":500,"currency":"EUR"}`

// unanswered sends a request that gets no answer, and gives up soon.
func (d *desk) unanswered(path, idempotency, body string) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), 200*time.Millisecond)
	defer cancel()
	if status, data := d.send(ctx, http.MethodPost, path, idempotency, body); status != 0 {
		d.t.Errorf("%s was answered: %d %s", path, status, data)
	}
}

func TestCharge(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	status, hold := d.entry("POST", "/v1/authorizations", "a", authorization("pm_ok"))
	if status != 200 || hold.AmountMinor != 500 {
		t.Fatalf("authorize: %d %+v", status, hold)
	}
	status, taken := d.entry("POST", "/v1/authorizations/"+hold.ID+"/capture", "c", half)
	if status != 200 || taken.Authorization != hold.ID || taken.Reference != "order" {
		t.Fatalf("capture: %d %+v", status, taken)
	}
	if status, again := d.entry("POST", "/v1/authorizations/"+hold.ID+"/capture", "c", half); status != 200 || again != taken {
		t.Errorf("capture again: %d %+v", status, again)
	}
	if status, e := d.entry("POST", "/v1/captures/"+taken.ID+"/refund", "r", ""); status != 200 || e.AmountMinor != 500 {
		t.Errorf("refund: %d %+v", status, e)
	}
	if status, e := d.entry("POST", "/v1/authorizations/"+hold.ID+"/void", "v", ""); status != 200 || e.AmountMinor != 0 {
		t.Errorf("void: %d %+v", status, e)
	}
	if status, e := d.entry("GET", "/v1/operations/c", "", ""); status != 200 || e != taken {
		t.Errorf("get: %d %+v", status, e)
	}
	_, data := d.send(t.Context(), "GET", "/v1/operations?reference=order", "", "")
	var found struct{ Items []charges.Entry }
	if err := json.Unmarshal(data, &found); err != nil || len(found.Items) != 4 {
		t.Errorf("find: %s %v", data, err)
	}
	_, data = d.send(t.Context(), "GET", "/v1/ledger", "", "")
	if lines := bytes.Count(data, []byte("\n")); lines != 4 {
		t.Errorf("the ledger has %d lines", lines)
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for method, code := range map[string]string{"pm_declined": "card_declined", "pm_other": "unknown_payment_method"} {
		for range 2 {
			if status, e := d.entry("POST", "/v1/authorizations", method, authorization(method)); status != 402 || e.Code != code {
				t.Errorf("%s: %d %+v", method, status, e)
			}
		}
	}
	_, hold := d.entry("POST", "/v1/authorizations", "cr", authorization("pm_capture_refused"))
	if status, e := d.entry("POST", "/v1/authorizations/"+hold.ID+"/capture", "crc", half); status != 402 || e.Code != "authorization_expired" {
		t.Errorf("capture: %d %+v", status, e)
	}
	for range 3 {
		if status, _ := d.entry("POST", "/v1/authorizations", "5", authorization("pm_5xx")); status != 503 {
			t.Errorf("pm_5xx: %d", status)
		}
	}
	d.unanswered("/v1/authorizations", "before", authorization("pm_timeout_before"))
	if status, e := d.entry("GET", "/v1/operations/before", "", ""); status != 404 {
		t.Errorf("pm_timeout_before was done: %+v", e)
	}
	d.unanswered("/v1/authorizations", "after", authorization("pm_timeout_after"))
	if status, e := d.entry("GET", "/v1/operations/after", "", ""); status != 200 || e.AmountMinor != 500 {
		t.Errorf("pm_timeout_after was not done: %d %+v", status, e)
	}
	if status, _ := d.entry("POST", "/v1/authorizations", "flap", authorization("pm_flap")); status != 503 {
		t.Errorf("pm_flap first: %d", status)
	}
	d.unanswered("/v1/authorizations", "flap", authorization("pm_flap"))
	for range 2 {
		if status, _ := d.entry("POST", "/v1/authorizations", "flap", authorization("pm_flap")); status != 200 {
			t.Errorf("pm_flap in the end: %d", status)
		}
	}
}

func TestLateDoAfterClose(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.send(t.Context(), "POST", "/v1/faults", "", `{"operation":"authorize","fault":"late","delay_ms":400,"times":1}`)
	d.unanswered("/v1/authorizations", "a", authorization("pm_ok"))
	if status, e := d.entry("POST", "/v1/operations/a/close", "", ""); status != 200 || e.Outcome != charges.Closed {
		t.Fatalf("close: %d %+v", status, e)
	}
	d.send(t.Context(), "POST", "/v1/faults", "", `{"operation":"authorize","fault":"slow","delay_ms":400,"times":1}`)
	if status, _ := d.entry("POST", "/v1/authorizations", "b", authorization("pm_ok")); status != 200 { // later than the late one
		t.Fatalf("slow: %d", status)
	}
	if status, e := d.entry("POST", "/v1/authorizations", "a", authorization("pm_ok")); status != 409 || e.AmountMinor != 0 {
		t.Errorf("after close: %d %+v", status, e)
	}
}

func TestSwitches(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.send(t.Context(), "POST", "/v1/faults", "", `{"operation":"authorize","reference":"order","fault":"refuse","code":"x","times":1}`)
	if status, e := d.entry("POST", "/v1/authorizations", "a", authorization("pm_ok")); status != 402 || e.Code != "x" {
		t.Errorf("switched on: %d %+v", status, e)
	}
	if status, _ := d.entry("POST", "/v1/authorizations", "b", authorization("pm_ok")); status != 200 {
		t.Errorf("used up: %d", status)
	}
	d.send(t.Context(), "POST", "/v1/faults", "", `{"operation":"*","fault":"5xx"}`)
	if status, _ := d.entry("GET", "/v1/operations/b", "", ""); status != 503 {
		t.Errorf("get under *: %d", status)
	}
	if _, data := d.send(t.Context(), "GET", "/v1/faults", "", ""); !bytes.Contains(data, []byte("5xx")) {
		t.Errorf("list: %s", data)
	}
	d.send(t.Context(), "DELETE", "/v1/faults", "", "")
	if status, _ := d.entry("GET", "/v1/operations/b", "", ""); status != 200 {
		t.Errorf("cleared: %d", status)
	}
}

// JSON knows one kind of number: 5.0 is as whole as 5, and of the same request.
func TestWholeNumbersInAnySpelling(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	_, plain := d.entry("POST", "/v1/authorizations", "a", authorization("pm_ok"))
	for _, spelling := range []string{".0", "e0", "0e-1"} {
		body := strings.Replace(authorization("pm_ok"), strconv.FormatInt(plain.AmountMinor, 10), strconv.FormatInt(plain.AmountMinor, 10)+spelling, 1)
		if status, e := d.entry("POST", "/v1/authorizations", "a", body); status != 200 || e != plain {
			t.Errorf("%s: %d %+v", body, status, e)
		}
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.entry("POST", "/v1/authorizations", "used", authorization("pm_ok"))
	for _, c := range []struct {
		name, method, path, key, body string
		want                          int
		header                        []string
	}{
		{name: "no API key", method: "GET", path: "/v1/ledger", want: 401, header: []string{"Authorization", ""}},
		{name: "wrong API key", method: "GET", path: "/v1/ledger", want: 401, header: []string{"Authorization", "Bearer no"}},
		{name: "no idempotency key", method: "POST", path: "/v1/authorizations", body: authorization("pm_ok"), want: 400},
		{name: "no JSON", method: "POST", path: "/v1/authorizations", key: "k", body: `{`, want: 400},
		{name: "unknown field", method: "POST", path: "/v1/authorizations", key: "k", body: `{"amount":1}`, want: 400},
		{name: "no amount", method: "POST", path: "/v1/authorizations", key: "k", body: `{"currency":"EUR","payment_method":"p","reference":"r"}`, want: 400},
		{name: "no method", method: "POST", path: "/v1/authorizations", key: "k", body: half, want: 400},
		{name: "no authorization", method: "POST", path: "/v1/authorizations/x/capture", key: "k", body: half, want: 404},
		{name: "other request", method: "POST", path: "/v1/authorizations", key: "used", body: authorization("pm_declined"), want: 422},
		{name: "too large", method: "POST", path: "/v1/authorizations", key: "k", body: `{"reference":"` + strings.Repeat("x", 70000) + `"}`, want: 413},
		{name: "no such fault", method: "POST", path: "/v1/faults", body: `{"operation":"void","fault":"x"}`, want: 400},
		{name: "no such operation", method: "POST", path: "/v1/faults", body: `{"operation":"x","fault":"5xx"}`, want: 400},
		{name: "negative times", method: "POST", path: "/v1/faults", body: `{"operation":"void","fault":"5xx","times":-1}`, want: 400},
		{name: "null for a text", method: "POST", path: "/v1/faults", body: `{"operation":"void","fault":"5xx","code":null}`, want: 400},
		{name: "no whole number", method: "POST", path: "/v1/faults", body: `{"operation":"void","fault":"5xx","times":1.5}`, want: 400},
		{name: "too long a key", method: "GET", path: "/v1/operations/" + strings.Repeat("k", 256), want: 400},
		{name: "closing too long a key", method: "POST", path: "/v1/operations/" + strings.Repeat("k", 256) + "/close", want: 400},
		{name: "no reference", method: "GET", path: "/v1/operations?reference=", want: 400},
	} {
		if status, data := d.send(t.Context(), c.method, c.path, c.key, c.body, c.header...); status != c.want {
			t.Errorf("%s: %d %s, want %d", c.name, status, data, c.want)
		}
	}
	if _, data := d.send(t.Context(), "GET", "/v1/ledger", "", ""); bytes.Count(data, []byte("\n")) != 1 {
		t.Errorf("something was done: %s", data)
	}
}
