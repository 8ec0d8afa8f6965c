package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"ordersaga.internal/infra/testkit"
)

// shed tells whether an answer is that of a request that was not let in, complete.
func shed(t *testing.T, a answer) bool {
	t.Helper()
	if a.status != http.StatusServiceUnavailable {
		return false
	}
	if n, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || n < 1 || a.problem() != "overloaded" || !strings.Contains(a.body, "Nothing was stored") {
		t.Errorf("Retry-After %q: %s", a.header.Get("Retry-After"), a.body)
	}
	return true
}

func (r *replica) metric(name string) string {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.admin+"/metrics", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	res, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	return "absent"
}

// Scenario 40: past the rate orders are refused, and none of these is stored; none that was accepted is lost; what repeats an
// accepted one is answered; everything else works; and when the flood is over orders are taken again.
func TestAFloodOfOrders(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	r := s.start("1", func(c *config) { c.Rate, c.Burst = 5, 10 })
	r.stock("mug")
	alice, bob := testkit.Token(t, "alice", "customer"), testkit.Token(t, "bob", "customer")
	first := r.placed(bob, "before")

	const flood = 300
	answers := make([]answer, flood)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() { answers[i] = r.place(alice, fmt.Sprint("k", i), mug) })
	}
	refused := 0
	all.Go(func() { // meanwhile
		for range 20 {
			// Where the database is too busy to tell in time that it repeats one, it is refused like the others.
			if a := r.place(bob, "before", mug); shed(t, a) {
				refused++
			} else if a.status != http.StatusAccepted || !strings.Contains(a.body, first.String()) {
				t.Errorf("a repeated request: %d %s", a.status, a.body)
			}
			if a := r.do(bob, http.MethodGet, "/v1/orders/"+first.String(), ""); a.status != http.StatusOK {
				t.Errorf("reading: %d %s", a.status, a.body)
			}
			if a := r.do(bob, http.MethodPost, "/v1/orders/"+first.String()+"/cancellation", ""); a.status != http.StatusAccepted {
				t.Errorf("cancelling: %d %s", a.status, a.body)
			}
		}
	})
	all.Wait()
	if refused > 10 {
		t.Errorf("of 20 repeated requests %d were refused", refused)
	}
	accepted := map[string]answer{}
	for i, a := range answers {
		key := fmt.Sprint("k", i)
		switch {
		case shed(t, a):
			refused++
			if n := s.count(`SELECT count(*) FROM orders WHERE idempotency_key = $1`, key); n != 0 {
				t.Errorf("%s was refused and stored", key)
			}
		case a.status == http.StatusAccepted:
			accepted[key] = a
		default:
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	if refused < flood/2 || len(accepted) < 5 {
		t.Errorf("%d refused, %d accepted: that was no flood", refused, len(accepted))
	}
	if n := r.metric(`orders_shed_total{reason="rate"}`); n != strconv.Itoa(refused) {
		t.Errorf("the metric says that %s of %d were shed", n, refused)
	}
	if n := s.count(`SELECT count(*) FROM orders`); n != len(accepted)+1 {
		t.Errorf("%d orders stored, %d accepted", n, len(accepted)+1)
	}
	for key, a := range accepted {
		id, _ := a.json(t)["order_id"].(string)
		testkit.Eventually(t, func() bool { return len(s.emitted(uuid.MustParse(id))) == 1 }, "OrderPlaced of "+key)
		if again := r.place(alice, key, mug); again.status != http.StatusAccepted || again.body != a.body {
			t.Errorf("a repeated request: %d %s, was %s", again.status, again.body, a.body)
		}
	}
	testkit.Eventually(t, func() bool {
		a := r.place(alice, "afterwards", mug)
		return !shed(t, a) && a.status == http.StatusAccepted
	}, "taken again")
}

// What is wrong, or repeats an order, uses nothing up of what is let in.
func TestOnlyNewOrdersCount(t *testing.T) {
	t.Parallel()
	r := newShop(t).start("1", func(c *config) { c.Rate, c.Burst = 0.001, 2 }) // two, and no more within this test
	r.stock("mug")
	alice := testkit.Token(t, "alice", "customer")
	for range 3 {
		if a := r.place(alice, "wrong", strings.Replace(mug, `2`, `-2`, 1)); a.status != http.StatusBadRequest {
			t.Errorf("%d %s", a.status, a.body)
		}
		if a := r.place(alice, "wrong", strings.Replace(mug, "mug", "jug", 1)); a.status != http.StatusUnprocessableEntity {
			t.Errorf("%d %s", a.status, a.body)
		}
		r.placed(alice, "one")
	}
	r.placed(alice, "two")
	if a := r.place(alice, "three", mug); !shed(t, a) {
		t.Errorf("%d %s", a.status, a.body)
	}
	for range 3 {
		r.placed(alice, "one")
		r.placed(alice, "two")
	}
	if a := r.place(alice, "two", mug+" "); a.problem() != "idempotency-key-reused" {
		t.Errorf("another body: %d %s", a.status, a.body)
	}
	for token, status := range map[string]int{"": 401, testkit.Token(t, "olga", "operator"): 403} {
		if a := r.place(token, "three", mug); a.status != status {
			t.Errorf("%d %s, want %d", a.status, a.body, status)
		}
	}
	if a := r.do(alice, http.MethodPost, "/v1/orders", mug); a.status != http.StatusBadRequest {
		t.Errorf("without a key: %d %s", a.status, a.body)
	}
}

// Requests that hang have a bound, too: those beyond it are refused unread, and everything else works.
func TestTooManyAtOnce(t *testing.T) {
	t.Parallel()
	r := newShop(t).start("1", func(c *config) { c.Concurrent = 3 })
	r.stock("mug")
	alice := testkit.Token(t, "alice", "customer")
	id := r.placed(alice, "k")
	tx, err := r.db.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(t.Context(), `LOCK TABLE orders IN EXCLUSIVE MODE`); err != nil { // readers pass
		t.Fatal(err)
	}
	answers := make(chan answer, 10)
	for i := range cap(answers) {
		go func() { answers <- r.place(alice, fmt.Sprint("h", i), mug) }()
	}
	for range cap(answers) - 3 {
		if a := <-answers; !shed(t, a) {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	if a := r.do(alice, http.MethodGet, "/v1/orders/"+id.String(), ""); a.status != http.StatusOK {
		t.Errorf("reading: %d %s", a.status, a.body)
	}
	if n := r.metric(`orders_shed_total{reason="concurrent"}`); n != "7" {
		t.Errorf("the metric says that %s of 7 were shed", n)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if a := <-answers; a.status != http.StatusAccepted && a.problem() != "unavailable" { // it may have waited too long
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	testkit.Eventually(t, func() bool { return r.place(alice, "late", mug).status == http.StatusAccepted }, "taken again")
}

// A database that hangs keeps no refusal waiting: whether the request repeats another is not told then.
func TestARefusalWaitsForNobody(t *testing.T) {
	t.Parallel()
	r := newShop(t).start("1", func(c *config) { c.Rate, c.Burst = 0.001, 1 })
	r.stock("mug")
	alice := testkit.Token(t, "alice", "customer")
	r.placed(alice, "k")
	tx, err := r.db.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(t.Context(), `LOCK TABLE orders IN ACCESS EXCLUSIVE MODE`); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"k", "other", "k"} {
		if a := r.place(alice, key, mug); !shed(t, a) {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, func() bool { return r.place(alice, "k", mug).status == http.StatusAccepted }, "it is told again")
}
