package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/testkit"
)

func TestAnOrderIsFollowedToItsEnd(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	r, other := s.start("1"), s.start("2")
	r.stock("mug")
	alice := testkit.Token(t, "alice", "customer")
	id := r.placed(alice, "k")
	path := "/v1/orders/" + id.String()

	first := r.do(alice, http.MethodGet, path, "")
	if tag := first.header.Get("ETag"); first.status != http.StatusOK || tag != `"1"` {
		t.Fatalf("%d %s %s", first.status, tag, first.body)
	}
	if a := r.do(alice, http.MethodGet, path, "", "If-None-Match", `"0", W/"1"`); a.status != http.StatusNotModified || a.body != "" || a.header.Get("ETag") != `"1"` {
		t.Errorf("unchanged: %d %s", a.status, a.body)
	}
	if a := r.do(alice, http.MethodGet, path, "", "If-None-Match", `"1"`, "Prefer", "wait=1"); a.status != http.StatusNotModified || a.header.Get("Preference-Applied") != "wait=1" {
		t.Errorf("waited in vain: %d %v", a.status, a.header)
	}

	waits := make(chan answer, 3)
	for _, get := range []func() answer{
		func() answer { return r.do(alice, http.MethodGet, path, "", "Prefer", "respond-async, wait=30") },
		func() answer { return other.do(alice, http.MethodGet, path, "", "Prefer", "wait=30") },
		func() answer {
			return r.do(alice, http.MethodGet, path, "", "If-None-Match", `"1"`, "Prefer", "wait=30")
		},
	} {
		go func() { waits <- get() }()
	}
	s.command(id, contracts.RejectOrder{OrderID: id, Step: "authorize payment", Reason: contracts.ReasonDeclined}, uuid.New(), "1")
	start := time.Now()
	for range 3 {
		a := <-waits
		if o := a.json(t); o["status"] != "rejected" || o["step"] != "authorize payment" || o["reason"] != "declined" || o["finished_at"] == nil {
			t.Errorf("%d %s", a.status, a.body)
		}
		if a.header.Get("ETag") != `"2"` {
			t.Errorf("ETag %s", a.header.Get("ETag"))
		}
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %s", took)
	}
	if a := r.do(alice, http.MethodGet, path, "", "If-None-Match", `"2"`, "Prefer", "wait=30"); a.status != http.StatusNotModified {
		t.Errorf("final: %d", a.status)
	}
	s.awaitEvents(id, "OrderPlaced", "OrderRejected")
}

func TestOrdersOfOthersDoNotExist(t *testing.T) {
	t.Parallel()
	r := newShop(t).start("1")
	r.stock("mug")
	alice, bob := testkit.Token(t, "alice", "customer"), testkit.Token(t, "bob", "customer")
	path := "/v1/orders/" + r.placed(alice, "k").String()
	nobodys := "/v1/orders/" + uuid.NewString()
	for _, p := range []string{path, nobodys} {
		for _, a := range []answer{
			r.do(bob, http.MethodGet, p, ""), r.do(bob, http.MethodPost, p+"/cancellation", ""),
			r.do(bob, http.MethodGet, p, "", "Prefer", "wait=30"),
		} {
			if a.status != http.StatusNotFound || a.problem() != "not-found" {
				t.Errorf("%s: %d %s", p, a.status, a.body)
			}
		}
	}
	if a := r.do(bob, http.MethodGet, "/v1/orders", ""); !strings.Contains(a.body, `"items":[]`) {
		t.Errorf("bob's orders: %s", a.body)
	}
	if a := r.do(alice, http.MethodGet, "/v1/orders/nonsense", ""); a.status != http.StatusBadRequest || a.problem() != "schema #/path/order_id" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := r.do(alice, http.MethodGet, path, ""); a.json(t)["cancellation"] != "none" {
		t.Error("bob cancelled alice's order")
	}
}

// Scenarios 24 to 27, as far as they are this service's.
func TestCancelling(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	r := s.start("1")
	r.stock("mug")
	alice := testkit.Token(t, "alice", "customer")
	cancel := func(id uuid.UUID) answer {
		return r.do(alice, http.MethodPost, "/v1/orders/"+id.String()+"/cancellation", "")
	}
	final := func(id uuid.UUID) map[string]any {
		return r.do(alice, http.MethodGet, "/v1/orders/"+id.String(), "", "If-None-Match", `"2"`, "Prefer", "wait=30").json(t)
	}

	cancelled := r.placed(alice, "cancelled")
	for range 3 {
		if a := cancel(cancelled); a.status != http.StatusAccepted || a.json(t)["cancellation"] != "requested" || a.json(t)["status"] != "placed" {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	s.command(cancelled, contracts.CancelOrder{OrderID: cancelled}, uuid.New(), "1")
	if o := final(cancelled); o["status"] != "cancelled" || o["cancellation"] != "requested" {
		t.Errorf("%v", o)
	}
	s.awaitEvents(cancelled, "OrderPlaced", "OrderCancellationRequested", "OrderCancelled")

	late := r.placed(alice, "late")
	cancel(late)
	command := uuid.New()
	for _, attempt := range []string{"1", "1", "2"} { // a repeat sends nothing, a re-sent command the recorded answer
		s.command(late, contracts.CompleteOrder{OrderID: late}, command, attempt)
	}
	if o := final(late); o["status"] != "completed" || o["cancellation"] != "declined" {
		t.Errorf("%v", o)
	}
	s.awaitEvents(late, "OrderPlaced", "OrderCancellationRequested", "OrderCancellationDeclined", "OrderCompleted", "OrderCompleted")
	s.mu.Lock()
	sequences := map[string]string{}
	for _, e := range s.events {
		if e.key == late.String() {
			sequences[e.headers["ce_sequence"][19:]] = e.wireType
		}
	}
	s.mu.Unlock()
	if got := fmt.Sprint(sequences); got != "map[1:OrderPlaced.v1 2:OrderCancellationRequested.v1 3:OrderCancellationDeclined.v1 4:OrderCompleted.v1]" {
		t.Errorf("sequences %s", got)
	}

	for id, how := range map[uuid.UUID]string{late: "completed", cancelled: "cancelled"} {
		if a := cancel(id); a.status != http.StatusConflict || a.problem() != "order-final" || !strings.Contains(a.body, "is "+how) {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	if n := r.count(`SELECT count(*) FROM dead_letters`); n != 0 {
		t.Errorf("%d dead letters", n)
	}
}

// A command that contradicts what the order became is set aside, not obeyed.
func TestAnOrderDoesNotEndTwice(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	r := s.start("1")
	r.stock("mug")
	id := r.placed(testkit.Token(t, "alice", "customer"), "k")
	s.command(id, contracts.CompleteOrder{OrderID: id}, uuid.New(), "1")
	s.command(id, contracts.CancelOrder{OrderID: id}, uuid.New(), "1")
	nobodys := uuid.New()
	s.command(nobodys, contracts.CompleteOrder{OrderID: nobodys}, uuid.New(), "1")
	testkit.Eventually(t, func() bool { return r.count(`SELECT count(*) FROM dead_letters`) == 2 }, "dead letters")
	s.awaitEvents(id, "OrderPlaced", "OrderCompleted")
	if n := r.count(`SELECT count(*) FROM orders WHERE status = 'completed'`); n != 1 {
		t.Errorf("%d completed", n)
	}
}

func TestListsGoPageByPage(t *testing.T) {
	t.Parallel()
	r := newShop(t).start("1")
	r.stock("mug", "jug", "pen")
	alice := testkit.Token(t, "alice", "customer")
	var placed []string
	for i := range 5 {
		placed = append(placed, r.placed(alice, fmt.Sprint("k", i)).String())
		r.placed(testkit.Token(t, "bob", "customer"), fmt.Sprint("k", i))
	}
	slices.Reverse(placed)
	walk := func(path, id string) (ids []string) {
		cursor := ""
		for range 10 {
			page := r.do(alice, http.MethodGet, path+cursor, "").json(t)
			items, _ := page["items"].([]any)
			for _, item := range items {
				ids = append(ids, item.(map[string]any)[id].(string))
			}
			next, more := page["next_cursor"].(string)
			if !more {
				return ids
			}
			cursor = "&cursor=" + next
		}
		t.Errorf("%s does not end", path)
		return nil
	}
	if got := walk("/v1/orders?limit=2", "order_id"); !slices.Equal(got, placed) {
		t.Errorf("got %v, want %v", got, placed)
	}
	if got := walk("/v1/orders?limit=5&status=placed", "order_id"); !slices.Equal(got, placed) {
		t.Errorf("got %v, want %v", got, placed)
	}
	if got := walk("/v1/orders?limit=2&status=completed", "order_id"); len(got) != 0 {
		t.Errorf("completed: %v", got)
	}
	if got := walk("/v1/products?limit=1", "sku"); strings.Join(got, " ") != "jug mug pen" {
		t.Errorf("products: %v", got)
	}
	for query, pointer := range map[string]string{
		"cursor=xyz": "#/query/cursor", "limit=0": "#/query/limit", "limit=101": "#/query/limit", "status=lost": "#/query/status", "page=2": "#/query/page",
	} {
		if a := r.do(alice, http.MethodGet, "/v1/orders?"+query, ""); a.status != http.StatusBadRequest || a.problem() != "schema "+pointer {
			t.Errorf("%s: %d %s", query, a.status, a.body)
		}
	}
}

func TestTheCatalogueIsTheOperators(t *testing.T) {
	t.Parallel()
	r := newShop(t).start("1")
	r.stock("mug")
	alice, olga := testkit.Token(t, "alice", "customer"), testkit.Token(t, "olga", "operator")
	dearer := `{"name":"Mug","unit_price":{"amount_minor":2999,"currency":"EUR"}}`
	if a := r.do(alice, http.MethodPut, "/v1/products/mug", dearer); a.status != http.StatusForbidden {
		t.Errorf("%d %s", a.status, a.body)
	}
	old := r.placed(alice, "old")
	if a := r.do(olga, http.MethodPut, "/v1/products/mug", dearer); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := r.do(alice, http.MethodGet, "/v1/products/mug", ""); a.status != http.StatusOK || !strings.Contains(a.body, "2999") {
		t.Errorf("%d %s", a.status, a.body)
	}
	for id, total := range map[uuid.UUID]string{old: "3998", r.placed(alice, "new"): "5998"} {
		if a := r.do(alice, http.MethodGet, "/v1/orders/"+id.String(), ""); !strings.Contains(a.body, `"total":{"amount_minor":`+total) {
			t.Errorf("%s", a.body)
		}
	}
	for path, want := range map[string]string{"/v1/products/jug": "not-found", "/v1/products/a%20b": "schema #/path/sku"} {
		if a := r.do(alice, http.MethodGet, path, ""); a.problem() != want {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	for body, pointer := range map[string]string{
		`{"name":"","unit_price":{"amount_minor":1,"currency":"EUR"}}`:      "/name",
		`{"name":"Mug","unit_price":{"amount_minor":-1,"currency":"EUR"}}`:  "/unit_price/amount_minor",
		`{"name":"Mug","unit_price":{"amount_minor":1,"currency":"Euro"}}`:  "/unit_price/currency",
		`{"name":"Mug","unit_price":{"amount_minor":0.5,"currency":"EUR"}}`: "/unit_price/amount_minor",
	} {
		if a := r.do(olga, http.MethodPut, "/v1/products/mug", body); a.status != http.StatusBadRequest || !strings.HasPrefix(a.problem(), "schema "+pointer) {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
}
