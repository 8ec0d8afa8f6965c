package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/testkit"
)

func TestAnOrderIsPlacedAtTheCataloguesPrice(t *testing.T) {
	t.Parallel()
	r := newShop(t).start("1")
	r.stock("mug")
	alice := testkit.Token(t, "alice", "customer")
	a := r.do(alice, http.MethodPost, "/v1/orders", mug, "Idempotency-Key", "k",
		"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
	if a.status != http.StatusAccepted {
		t.Fatalf("%d %s", a.status, a.body)
	}
	order := a.json(t)
	id, _ := order["order_id"].(string)
	if location := a.header.Get("Location"); location != "/v1/orders/"+id {
		t.Errorf("Location %s", location)
	}
	if got := fmt.Sprint(order["status"], " ", order["cancellation"], " ", order["total"]); got != "placed none map[amount_minor:3998 currency:EUR]" {
		t.Errorf("order %s", got)
	}

	testkit.Eventually(t, func() bool { r.mu.Lock(); defer r.mu.Unlock(); return len(r.events) > 0 }, "OrderPlaced")
	event := r.events[0]
	var placed contracts.OrderPlaced
	if err := json.Unmarshal(event.body, &placed); err != nil {
		t.Fatal(err)
	}
	if placed.OrderID.String() != id || placed.CustomerID != "alice" || placed.Total.AmountMinor != 3998 || placed.Lines[0].UnitPrice.AmountMinor != 1999 || placed.ShipTo != "addr_home" {
		t.Errorf("event %+v", placed)
	}
	for header, want := range map[string]string{
		"ce_type": "OrderPlaced.v1", "ce_source": "/services/order", "ce_sequence": "00000000000000000001", "ce_subject": id,
	} {
		if event.headers[header] != want {
			t.Errorf("%s is %q", header, event.headers[header])
		}
	}
	if !strings.Contains(event.headers["traceparent"], "0af7651916cd43dd8448eb211c80319c") {
		t.Errorf("traceparent %q", event.headers["traceparent"])
	}
	if _, ok := event.headers["ce_causationid"]; ok {
		t.Error("OrderPlaced has a cause")
	}
}

func TestBadRequestsSayWhatIsWrongAndStoreNothing(t *testing.T) {
	t.Parallel()
	r := newShop(t).start("1")
	r.stock("mug", "pen")
	alice := testkit.Token(t, "alice", "customer")
	withLines := func(lines string) string {
		return `{"lines":` + lines + `,"payment_method":"pm_ok","ship_to":"addr_home"}`
	}
	many := strings.TrimSuffix(strings.Repeat(`{"sku":"mug","quantity":1},`, 1001), ",")
	for name, c := range map[string]struct {
		body    string
		status  int
		problem string
	}{
		"unknown field":     {strings.Replace(mug, `"ship_to"`, `"gift":true,"ship_to"`, 1), 400, "schema /gift"},
		"price from client": {withLines(`[{"sku":"mug","quantity":1,"unit_price":{"amount_minor":1,"currency":"EUR"}}]`), 400, "schema /lines/0/unit_price"},
		"wrong type":        {withLines(`[{"sku":"mug","quantity":"2"}]`), 400, "schema /lines/0/quantity"},
		"fraction":          {withLines(`[{"sku":"mug","quantity":1.5}]`), 400, "schema /lines/0/quantity"},
		"negative quantity": {withLines(`[{"sku":"mug","quantity":-1}]`), 400, "schema /lines/0/quantity"},
		"no quantity":       {withLines(`[{"sku":"mug","quantity":0}]`), 400, "schema /lines/0/quantity"},
		"huge quantity":     {withLines(`[{"sku":"mug","quantity":1001}]`), 400, "schema /lines/0/quantity"},
		"absurd quantity":   {withLines(`[{"sku":"mug","quantity":1e400}]`), 400, "schema /lines/0/quantity"},
		"missing quantity":  {withLines(`[{"sku":"mug"}]`), 400, "schema /lines/0/quantity"},
		"empty order":       {withLines(`[]`), 400, "schema /lines"},
		"too many lines":    {withLines("[" + many + "]"), 400, "schema /lines"},
		"no address":        {`{"lines":[{"sku":"mug","quantity":1}],"payment_method":"pm_ok"}`, 400, "schema /ship_to"},
		"unsafe address":    {strings.Replace(mug, "addr_home", "a b", 1), 400, "schema /ship_to"},
		"not JSON":          {`{"lines":`, 400, "invalid-json"},
		"not an object":     {`[]`, 400, "schema "},
		"no body":           {``, 400, "invalid-json"},
		"unknown SKU":       {withLines(`[{"sku":"mug","quantity":1},{"sku":"jug","quantity":1}]`), 422, "unknown-sku /lines/1/sku"},
		"repeated SKU":      {withLines(`[{"sku":"mug","quantity":1},{"sku":"pen","quantity":1},{"sku":"mug","quantity":1}]`), 422, "repeated-sku /lines/2/sku"},
		"price changed":     {strings.Replace(mug, `"ship_to"`, `"expected_total":{"amount_minor":3997,"currency":"EUR"},"ship_to"`, 1), 422, "price-changed /expected_total"},
		"10 MB":             {withLines(`[{"sku":"` + strings.Repeat("x", 10<<20) + `","quantity":1}]`), 413, "too-large"},
	} {
		t.Run(name, func(t *testing.T) {
			a := r.place(alice, name, c.body)
			if got := a.problem(); a.status != c.status || got != c.problem {
				t.Errorf("%d %s, want %d %s; %.300s", a.status, got, c.status, c.problem, a.body)
			}
		})
	}
	for name, c := range map[string]struct{ token, key, status, problem string }{
		"no key":         {alice, "", "400", "schema #/header/Idempotency-Key"},
		"long key":       {alice, strings.Repeat("k", 256), "400", "schema #/header/Idempotency-Key"},
		"no token":       {"", "k", "401", "missing-token"},
		"forged token":   {alice[:len(alice)-8] + "AAAAAAAA", "k", "401", "invalid-token"},
		"expired token":  {testkit.TokenWith(t, jwt.MapClaims{"iss": testkit.Issuer, "aud": testkit.Audience, "sub": "alice", "exp": time.Now().Add(-time.Hour).Unix()}), "k", "401", "invalid-token"},
		"other audience": {testkit.TokenWith(t, jwt.MapClaims{"iss": testkit.Issuer, "aud": "x", "sub": "alice", "exp": time.Now().Add(time.Hour).Unix()}), "k", "401", "invalid-token"},
		"no role":        {testkit.Token(t, "alice"), "k", "403", "forbidden"},
		"other role":     {testkit.Token(t, "olga", "operator"), "k", "403", "forbidden"},
	} {
		t.Run(name, func(t *testing.T) {
			headers := []string{}
			if c.key != "" {
				headers = []string{"Idempotency-Key", c.key}
			}
			a := r.do(c.token, http.MethodPost, "/v1/orders", mug, headers...)
			if got := a.problem(); fmt.Sprint(a.status) != c.status || got != c.problem {
				t.Errorf("%d %s, want %s %s", a.status, got, c.status, c.problem)
			}
		})
	}
	for _, table := range []string{"orders", "outbox", "fence"} {
		if n := r.count(`SELECT count(*) FROM ` + table); n != 0 {
			t.Errorf("%d rows in %s", n, table)
		}
	}
}

// Scenario 1: also over two replicas, where only the database can tell who was first.
func TestTheSameKeyAtOnceIsOneOrder(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	replicas := []*replica{s.start("1"), s.start("2")}
	replicas[0].stock("mug")
	alice, bob := testkit.Token(t, "alice", "customer"), testkit.Token(t, "bob", "customer")
	answers := make([]answer, 50)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = replicas[i%2].place(alice, "k", mug) })
	}
	all.Wait()
	for _, a := range answers {
		if a.status != http.StatusAccepted || a.body != answers[0].body || a.header.Get("Location") != answers[0].header.Get("Location") {
			t.Fatalf("%d %s, and %d %s", a.status, a.body, answers[0].status, answers[0].body)
		}
	}
	if n := s.count(`SELECT count(*) FROM orders`); n != 1 {
		t.Errorf("%d orders", n)
	}
	if a := replicas[1].place(bob, "k", mug); a.status != http.StatusAccepted || a.body == answers[0].body {
		t.Errorf("another customer with the same key: %d %s", a.status, a.body)
	}
	testkit.Eventually(t, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.events) >= 2 }, "OrderPlaced twice")
}

// Scenarios 2 and 3: a retry after a lost answer, also after a restart and after the order went on.
func TestTheSameKeyLater(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	r := s.start("1")
	r.stock("mug")
	alice := testkit.Token(t, "alice", "customer")
	body := strings.Replace(mug, `"quantity":2`, `"quantity":1`, 1)
	first := r.place(alice, "k", body)
	if first.status != http.StatusAccepted {
		t.Fatalf("%d %s", first.status, first.body)
	}
	for _, other := range []string{strings.Replace(body, `"quantity":1`, `"quantity":1.0`, 1), body + " ", mug} {
		if a := r.place(alice, "k", other); a.status != http.StatusUnprocessableEntity || a.problem() != "idempotency-key-reused" {
			t.Errorf("other body: %d %s", a.status, a.body)
		}
	}
	id := r.do(alice, http.MethodGet, "/v1/orders", "").json(t)["items"].([]any)[0].(map[string]any)["order_id"].(string)
	if a := r.do(alice, http.MethodPost, "/v1/orders/"+id+"/cancellation", ""); a.status != http.StatusAccepted {
		t.Fatalf("%d %s", a.status, a.body)
	}
	r.stop()
	r = s.start("1")
	if a := r.place(alice, "k", body); a.status != http.StatusAccepted || a.body != first.body {
		t.Errorf("retry: %d %s, want %s", a.status, a.body, first.body)
	}
	if n := r.count(`SELECT count(*) FROM orders`); n != 1 {
		t.Errorf("%d orders", n)
	}
}

// A first request that hangs makes the second say so, and not act.
func TestTheSameKeyWhileTheFirstHangs(t *testing.T) {
	t.Parallel()
	r := newShop(t).start("1")
	r.stock("mug")
	alice := testkit.Token(t, "alice", "customer")
	tx, err := r.db.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `LOCK TABLE orders IN EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	var first, second answer
	var both sync.WaitGroup
	both.Go(func() { first = r.place(alice, "k", mug) })
	testkit.Eventually(t, func() bool {
		return r.count(`SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'orders'::regclass`) > 0
	}, "the first hangs")
	both.Go(func() { second = r.place(alice, "k", mug) })
	both.Wait()
	if first.status != http.StatusServiceUnavailable || first.header.Get("Retry-After") == "" {
		t.Errorf("first: %d %s", first.status, first.body)
	}
	if second.status != http.StatusConflict || second.problem() != "idempotency-key-in-use" || second.header.Get("Retry-After") == "" {
		t.Errorf("second: %d %s", second.status, second.body)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.placed(alice, "k")
	if n := r.count(`SELECT count(*) FROM orders`); n != 1 {
		t.Errorf("%d orders", n)
	}
}
