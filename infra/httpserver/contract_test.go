package httpserver_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/httpserver"
)

const document = `
openapi: 3.1.0
info: {title: test, version: "1"}
paths:
  /v1/things:
    get:
      parameters:
        - {name: limit, in: query, schema: {type: integer, minimum: 1, maximum: 100}}
        - {name: deep, in: query, schema: {type: boolean}}
        - $ref: '#/components/parameters/Cursor'
      responses: {'200': {description: ok}}
    post:
      parameters:
        - {name: Idempotency-Key, in: header, required: true, schema: {type: string, minLength: 1, maxLength: 8}}
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}
      responses: {'202': {description: ok}}
  /v1/things/{id}:
    parameters:
      - {name: id, in: path, required: true, schema: {type: string, format: uuid}}
    get: {responses: {'200': {description: ok}}}
    delete: {responses: {'204': {description: ok}}}
  /v1/things/special:
    get: {responses: {'200': {description: ok}}}
components:
  parameters:
    Cursor: {name: cursor, in: query, schema: {type: string, maxLength: 5}}
  schemas:
    Line:
      type: object
      additionalProperties: false
      required: [sku, quantity]
      properties:
        sku: {type: string, minLength: 1, maxLength: 20, pattern: '^[A-Z-]+$'}
        quantity: {type: integer, minimum: 1, maximum: 1000}
    Thing:
      type: object
      additionalProperties: false
      required: [lines]
      properties:
        lines: {type: array, minItems: 1, maxItems: 3, items: {$ref: '#/components/schemas/Line'}}
        note: {type: [string, 'null'], maxLength: 10}
        kind: {type: string, enum: [big, small]}
`

func newContract(t testing.TB) *httpserver.Contract {
	t.Helper()
	c, err := httpserver.NewContract([]byte(document))
	require.NoError(t, err)
	return c
}

// answer sends a request through the contract to a handler that echoes the body.
func answer(t testing.TB, c *httpserver.Contract, method, target, body string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
	}
	r.Header.Set("Idempotency-Key", "k")
	for i := 0; i < len(header); i += 2 {
		r.Header.Del(header[i])
		if header[i+1] != "" {
			r.Header.Set(header[i], header[i+1])
		}
	}
	w := httptest.NewRecorder()
	c.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })).ServeHTTP(w, r)
	return w.Result()
}

func problem(t testing.TB, resp *http.Response) (p httpserver.Problem) {
	t.Helper()
	require.Equal(t, "application/problem+json", resp.Header.Get("Content-Type"))
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&p))
	require.Equal(t, resp.StatusCode, p.Status)
	return p
}

func TestContractFindsEveryFaultOfABody(t *testing.T) {
	t.Parallel()
	c := newContract(t)
	ok := `{"lines":[{"sku":"A","quantity":2}]}`
	for _, tt := range []struct{ name, body, want string }{
		{"fine", ok, ""},
		{"null where allowed", `{"lines":[{"sku":"A","quantity":2}],"note":null}`, ""},
		{"whole number with a point", `{"lines":[{"sku":"A","quantity":2.0}]}`, ""},
		{"unknown field", `{"lines":[{"sku":"A","quantity":2,"price":1}]}`, "/lines/0/price is not a known field"},
		{"missing", `{}`, "/lines is required"},
		{"deep and several", `{"lines":[{"sku":"A","quantity":0},{"quantity":"x"}]}`,
			"/lines/0/quantity must be at least 1; /lines/1/sku is required; /lines/1/quantity must be a whole number"},
		{"huge", `{"lines":[{"sku":"A","quantity":1001}]}`, "/lines/0/quantity must be at most 1000"},
		{"beyond int64", `{"lines":[{"sku":"A","quantity":99999999999999999999}]}`, "/lines/0/quantity must be at most 1000"},
		{"bomb", `{"lines":[{"sku":"A","quantity":1e999999999}]}`, "/lines/0/quantity is a number out of all range"},
		{"fraction", `{"lines":[{"sku":"A","quantity":1.5}]}`, "/lines/0/quantity must be a whole number"},
		{"empty", `{"lines":[]}`, "/lines must have at least 1 items"},
		{"pattern", `{"lines":[{"sku":"a!","quantity":1}]}`, "/lines/0/sku must match ^[A-Z-]+$"},
		{"enum", `{"lines":[{"sku":"A","quantity":1}],"kind":"s3cret"}`, "/kind must be one of [big small]"},
		{"two types", `{"lines":[{"sku":"A","quantity":1}],"note":1}`, "/note must be null or a string"},
		{"NUL", `{"lines":[{"sku":"A","quantity":1}],"note":"\u0000"}`, "/note must not contain the character U+0000"},
		{"not an object", `[]`, " must be an object"},
		{"strange name", `{"a/b~c":1,"lines":[{"sku":"A","quantity":1}]}`, "/a~1b~0c is not a known field"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			resp := answer(t, c, "POST", "/v1/things", tt.body)
			if tt.want == "" {
				require.Equal(t, http.StatusOK, resp.StatusCode)
				return
			}
			require.Equal(t, http.StatusBadRequest, resp.StatusCode)
			p := problem(t, resp)
			require.Equal(t, "/problems/schema", p.Type)
			require.Equal(t, "/v1/things", p.Instance)
			require.Equal(t, tt.want, said(p))
			require.NotContains(t, fmt.Sprint(p), "s3cret")
		})
	}
}

func said(p httpserver.Problem) string {
	faults := make([]string, len(p.Errors))
	for i, e := range p.Errors {
		faults[i] = e.Pointer + " " + e.Detail
	}
	return strings.Join(faults, "; ")
}

func TestContractPassesTheBodyOn(t *testing.T) {
	t.Parallel()
	c := newContract(t)
	for sent, want := range map[string]string{
		` {"lines":[{"quantity":2,"sku":"A"}]}`:     ` {"lines":[{"quantity":2,"sku":"A"}]}`, // byte for byte
		`{"lines":[{"quantity":2.00e0,"sku":"A"}]}`: `{"lines":[{"quantity":2,"sku":"A"}]}`,
	} {
		got, err := io.ReadAll(answer(t, c, "POST", "/v1/things", sent).Body)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
}

func TestContractOnEverythingButTheSchema(t *testing.T) {
	t.Parallel()
	c := newContract(t)
	ok := `{"lines":[{"sku":"A","quantity":2}]}`
	for _, tt := range []struct {
		name, method, target, body string
		header                     []string
		status                     int
		code, want                 string
	}{
		{name: "query", method: "GET", target: "/v1/things?limit=5&deep=true&cursor=abc", status: 200},
		{name: "HEAD", method: "HEAD", target: "/v1/things", status: 200},
		{name: "path", method: "GET", target: "/v1/things/0199b1de-7c1e-7aaa-8bbb-0123456789ab", status: 200},
		{name: "fixed before parameter", method: "GET", target: "/v1/things/special", status: 200},
		{name: "no route", method: "GET", target: "/v2/things", status: 404, code: "not-found"},
		{name: "trailing slash", method: "GET", target: "/v1/things/0199b1de-7c1e-7aaa-8bbb-0123456789ab/", status: 404, code: "not-found"},
		{name: "method", method: "PUT", target: "/v1/things", status: 405, code: "method-not-allowed"},
		{name: "not a number", method: "GET", target: "/v1/things?limit=x", status: 400, code: "schema", want: "#/query/limit must be a whole number"},
		{name: "too many", method: "GET", target: "/v1/things?limit=101", status: 400, code: "schema", want: "#/query/limit must be at most 100"},
		{name: "twice", method: "GET", target: "/v1/things?limit=1&limit=2", status: 400, code: "schema", want: "#/query/limit is given more than once"},
		{name: "unknown parameter", method: "GET", target: "/v1/things?limits=1", status: 400, code: "schema", want: "#/query/limits is not a known parameter"},
		{name: "not true or false", method: "GET", target: "/v1/things?deep=1", status: 400, code: "schema", want: "#/query/deep must be true or false"},
		{name: "NUL", method: "GET", target: "/v1/things?cursor=%00", status: 400, code: "schema", want: "#/query/cursor must not contain the character U+0000"},
		{name: "bad escape", method: "GET", target: "/v1/things?cursor=%zz", status: 400, code: "schema", want: "#/query is not a query string"},
		{name: "not a uuid", method: "GET", target: "/v1/things/7", status: 400, code: "schema", want: "#/path/id must be a valid uuid"},
		{name: "missing header", method: "POST", target: "/v1/things", body: ok, header: []string{"Idempotency-Key", ""}, status: 400, code: "schema", want: "#/header/Idempotency-Key is required"},
		{name: "long header", method: "POST", target: "/v1/things", body: ok, header: []string{"Idempotency-Key", "123456789"}, status: 400, code: "schema", want: "#/header/Idempotency-Key must have at most 8 characters"},
		{name: "no body", method: "POST", target: "/v1/things", status: 400, code: "invalid-json"},
		{name: "broken", method: "POST", target: "/v1/things", body: `{"lines":`, status: 400, code: "invalid-json"},
		{name: "two values", method: "POST", target: "/v1/things", body: ok + ok, status: 400, code: "invalid-json"},
		{name: "not UTF-8", method: "POST", target: "/v1/things", body: "{\"note\":\"\xff\"}", status: 400, code: "invalid-json"},
		{name: "form", method: "POST", target: "/v1/things", body: "a=b", header: []string{"Content-Type", "application/x-www-form-urlencoded"}, status: 415, code: "unsupported-media-type"},
		{name: "no type", method: "POST", target: "/v1/things", body: ok, header: []string{"Content-Type", ""}, status: 415, code: "unsupported-media-type"},
		{name: "too large", method: "POST", target: "/v1/things", body: strings.Repeat(" ", 1<<20) + ok, status: 413, code: "too-large"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			resp := answer(t, c, tt.method, tt.target, tt.body, tt.header...)
			require.Equal(t, tt.status, resp.StatusCode)
			if tt.code == "" {
				return
			}
			p := problem(t, resp)
			require.Equal(t, "/problems/"+tt.code, p.Type)
			require.Equal(t, tt.want, said(p))
			if tt.status == http.StatusMethodNotAllowed {
				require.Equal(t, "GET, POST, HEAD", resp.Header.Get("Allow"))
			}
		})
	}
}

func TestContractRefusesWhatItCannotRead(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{"", "openapi: 3.0.3\npaths: {/a: {}}", "openapi: 3.1.0", "{",
		"openapi: 3.1.0\npaths: {/a: {get: {parameters: [{$ref: '#/nowhere'}]}}}",
		"openapi: 3.1.0\npaths: {/a: {get: {parameters: [{name: a, in: query, schema: {type: strong}}]}}}",
	} {
		_, err := httpserver.NewContract([]byte(doc))
		require.ErrorContains(t, err, "OpenAPI document", doc)
	}
}

func BenchmarkContract(b *testing.B) {
	c := newContract(b)
	h := c.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	body := `{"lines":[{"sku":"SKU-A","quantity":2},{"sku":"SKU-B","quantity":1},{"sku":"SKU-C","quantity":1}],"note":"x"}`
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/v1/things", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", "k")
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
}
