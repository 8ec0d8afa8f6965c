package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/testkit"
)

// bad is a request that must be refused, and how: the status, the problem's code, and the places that it names.
type bad struct {
	name     string
	request  request
	status   int
	code     string
	pointers []string
}

// problem is what RFC 9457 asks of a refusal, and more.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
	Errors []struct {
		Pointer string `json:"pointer"`
		Detail  string `json:"detail"`
	} `json:"errors"`
}

// Nothing of what is refused is stored, and no message tells of it.
func TestBadInput(t *testing.T) {
	finished := place(t, "alice", "pm_ok", nil)
	require.Equal(t, "completed", ended(t, "alice", finished))
	settled(t, finished)
	var rows map[string]int
	testkit.Eventually(t, func() bool { // the relay deletes what it has published
		rows = stored(t)
		return rows["orders public.outbox"]+rows["warehouse public.outbox"] == 0
	}, "empty outboxes")
	look := admin(t)
	topics := ends(t, look)

	var all []bad
	for _, cases := range [][]bad{badOrders(t), badTokens(t), badReads(t, finished), badStock(t)} {
		all = append(all, cases...)
	}
	for _, b := range all {
		t.Run(b.name, func(t *testing.T) { refused(t, b, send(t, b.request)) })
	}
	require.Equal(t, rows, stored(t), "rows of every table")
	require.Equal(t, topics, ends(t, look), "ends of the topics")
}

func refused(t *testing.T, b bad, a answer) {
	t.Helper()
	require.Equal(t, b.status, a.status, "%s", a.body)
	require.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
	require.Equal(t, b.status == http.StatusUnauthorized, a.header.Get("WWW-Authenticate") != "")
	var p problem
	require.NoError(t, json.Unmarshal(a.body, &p))
	require.Equal(t, "/problems/"+b.code, p.Type)
	require.Equal(t, b.status, p.Status)
	require.NotEmpty(t, p.Title)
	require.False(t, p.Detail == "" && len(p.Errors) == 0 && b.status != http.StatusNotFound && b.status != http.StatusMethodNotAllowed,
		"it does not say why: %s", a.body)
	var pointers []string
	for _, e := range p.Errors {
		pointers = append(pointers, e.Pointer)
		require.NotEmpty(t, e.Detail, "of %s", e.Pointer)
	}
	slices.Sort(pointers) // one place may have several faults
	require.Equal(t, b.pointers, slices.Compact(pointers), "%s", a.body)
}

const goodOrder = `{"lines":[{"sku":"SKU-0500","quantity":2}],"payment_method":"pm_ok","ship_to":"addr-1"}`

// placing is a request for an order, good but for what a case makes of it.
func placing(t *testing.T, body string, headers ...string) request {
	t.Helper()
	r := request{http.MethodPost, api("order", "/v1/orders"), map[string]string{
		"Authorization": "Bearer " + token(t, "alice", "customer"), "Content-Type": "application/json", "Idempotency-Key": uuid.NewString(),
	}, strings.NewReader(body)}
	for i := 0; i+1 < len(headers); i += 2 {
		r.headers[headers[i]] = headers[i+1]
	}
	return r
}

func badOrders(t *testing.T) []bad {
	t.Helper()
	lines := func(s string) request {
		return placing(t, `{"lines":`+s+`,"payment_method":"pm_ok","ship_to":"addr-1"}`)
	}
	quantity := func(q string) request { return lines(`[{"sku":"SKU-0500","quantity":` + q + `}]`) }
	field := func(f string) request { return placing(t, strings.Replace(goodOrder, "{", "{"+f+",", 1)) }
	long := make([]string, 1001)
	for i := range long {
		long[i] = fmt.Sprintf(`{"sku":"SKU-%04d","quantity":1}`, i+1)
	}
	tenMB := bytes.Repeat([]byte(" "), 10<<20)
	chunked := placing(t, "")
	chunked.body = io.MultiReader(strings.NewReader(goodOrder), bytes.NewReader(tenMB)) // of no announced length
	syntax, meaning := http.StatusBadRequest, http.StatusUnprocessableEntity
	return []bad{
		{"unknown field", field(`"gift":true`), syntax, "schema", []string{"/gift"}},
		{"unknown field of a line", lines(`[{"sku":"SKU-0500","quantity":1,"colour":"red"}]`), syntax, "schema", []string{"/lines/0/colour"}},
		{"price of a line sent by the client", lines(`[{"sku":"SKU-0500","quantity":1,"unit_price":{"amount_minor":1,"currency":"EUR"}}]`), syntax, "schema", []string{"/lines/0/unit_price"}},
		{"total sent by the client", field(`"total":{"amount_minor":1,"currency":"EUR"}`), syntax, "schema", []string{"/total"}},
		{"customer sent by the client", field(`"customer_id":"bob"`), syntax, "schema", []string{"/customer_id"}},
		{"wrong type", quantity(`"two"`), syntax, "schema", []string{"/lines/0/quantity"}},
		{"not a whole number", quantity(`1.5`), syntax, "schema", []string{"/lines/0/quantity"}},
		{"no quantity at all", quantity(`null`), syntax, "schema", []string{"/lines/0/quantity"}},
		{"negative quantity", quantity(`-1`), syntax, "schema", []string{"/lines/0/quantity"}},
		{"quantity 0", quantity(`0`), syntax, "schema", []string{"/lines/0/quantity"}},
		{"huge quantity", quantity(`1001`), syntax, "schema", []string{"/lines/0/quantity"}},
		{"quantity above every integer", quantity(`99999999999999999999999`), syntax, "schema", []string{"/lines/0/quantity"}},
		{"quantity with an endless exponent", quantity(`1e999999999`), syntax, "schema", []string{"/lines/0/quantity"}},
		{"several faults at once", placing(t, `{"lines":[{"sku":"","quantity":0}],"ship_to":5}`), syntax, "schema",
			[]string{"/lines/0/quantity", "/lines/0/sku", "/payment_method", "/ship_to"}},
		{"empty order", lines(`[]`), syntax, "schema", []string{"/lines"}},
		{"nothing but braces", placing(t, `{}`), syntax, "schema", []string{"/lines", "/payment_method", "/ship_to"}},
		{"more lines than an order has", lines("[" + strings.Join(long, ",") + "]"), syntax, "schema", []string{"/lines"}},
		{"a character that nothing can store", field(`"expected_total":{"amount_minor":1,"currency":"E\u0000R"}`), syntax, "schema", []string{"/expected_total/currency"}},
		{"unknown SKU", lines(`[{"sku":"SKU-0500","quantity":1},{"sku":"NO-SUCH","quantity":1}]`), meaning, "unknown-sku", []string{"/lines/1/sku"}},
		{"repeated SKU", lines(`[{"sku":"SKU-0500","quantity":1},{"sku":"SKU-0500","quantity":2}]`), meaning, "repeated-sku", []string{"/lines/1/sku"}},
		{"another total than expected", field(`"expected_total":{"amount_minor":1,"currency":"EUR"}`), meaning, "price-changed", []string{"/expected_total"}},
		{"broken JSON", placing(t, goodOrder[:len(goodOrder)-1]), syntax, "invalid-json", nil},
		{"more than one value", placing(t, goodOrder+goodOrder), syntax, "invalid-json", nil},
		{"not UTF-8", placing(t, strings.Replace(goodOrder, "addr-1", "addr-\xff", 1)), syntax, "invalid-json", nil},
		{"no body", placing(t, ""), syntax, "invalid-json", nil},
		{"not an object", placing(t, `[1]`), syntax, "schema", []string{""}},
		{"wrong content type", placing(t, goodOrder, "Content-Type", "application/xml"), http.StatusUnsupportedMediaType, "unsupported-media-type", nil},
		{"no content type", placing(t, goodOrder, "Content-Type", ""), http.StatusUnsupportedMediaType, "unsupported-media-type", nil},
		{"no Idempotency-Key", placing(t, goodOrder, "Idempotency-Key", ""), syntax, "schema", []string{"#/header/Idempotency-Key"}},
		{"too long an Idempotency-Key", placing(t, goodOrder, "Idempotency-Key", strings.Repeat("k", 256)), syntax, "schema", []string{"#/header/Idempotency-Key"}},
		{"10 MB", placing(t, string(tenMB)), http.StatusRequestEntityTooLarge, "too-large", nil},
		{"10 MB in chunks", chunked, http.StatusRequestEntityTooLarge, "too-large", nil},
	}
}
