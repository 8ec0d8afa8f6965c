package main

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/localstack"
	"ordersaga.internal/infra/testkit"
)

// While the broker is away orders are accepted up to a bound, and everything else works; when it is back what was accepted is
// sent, and orders are taken again.
func TestAFullOutboxTakesNoOrders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	broker, err := localstack.StartEmbeddedKafka(localstack.EmbeddedKafkaConfig{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { broker.Stop() })
	s := newShopOn(t, testkit.Broker{Addrs: []string{broker.Addr}})
	r := s.start("1", func(c *config) { c.Outbox = 3 })
	r.stock("mug")
	alice := testkit.Token(t, "alice", "customer")
	orders := []uuid.UUID{r.placed(alice, "first")}
	s.awaitEvents(orders[0], "OrderPlaced")

	broker.Stop()
	var refused answer
	for i := range 10_000 {
		if refused = r.place(alice, fmt.Sprint("k", i), mug); refused.status != http.StatusAccepted {
			break
		}
		id, _ := refused.json(t)["order_id"].(string)
		orders = append(orders, uuid.MustParse(id))
	}
	if !shed(t, refused) {
		t.Fatalf("%d %s", refused.status, refused.body)
	}
	if r.metric("orders_refusing") != "1" || r.metric(`orders_shed_total{reason="outbox"}`) != "1" {
		t.Error("the metrics do not tell")
	}
	if a := r.place(alice, "k0", mug); a.status != http.StatusAccepted || !strings.Contains(a.body, orders[1].String()) {
		t.Errorf("a repeated request: %d %s", a.status, a.body)
	}
	if a := r.do(alice, http.MethodPost, "/v1/orders/"+orders[1].String()+"/cancellation", ""); a.status != http.StatusAccepted {
		t.Errorf("cancelling: %d %s", a.status, a.body)
	}
	if n := s.count(`SELECT count(*) FROM orders`); n != len(orders) {
		t.Errorf("%d orders stored, %d accepted", n, len(orders))
	}

	_, port, _ := net.SplitHostPort(broker.Addr)
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	if broker, err = localstack.StartEmbeddedKafka(localstack.EmbeddedKafkaConfig{Dir: dir, Port: n}); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, func() bool { return r.place(alice, "again", mug).status == http.StatusAccepted }, "room again")
	for i, o := range orders {
		want := []string{"OrderPlaced"}
		if i == 1 {
			want = append(want, "OrderCancellationRequested")
		}
		testkit.Eventually(t, func() bool { return len(s.emitted(o)) >= len(want) }, "events")
		if got := slices.Compact(s.emitted(o)); !slices.Equal(got, want) { // a relay may repeat itself
			t.Errorf("events %v, want %v", got, want)
		}
	}
}

// Accepted orders that do not end have a bound, over all replicas; as they end orders are taken again.
func TestTooManyUnfinishedOrders(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	bound := func(c *config) { c.Unfinished = 4 }
	a, b := s.start("1", bound), s.start("2", bound)
	a.stock("mug")
	alice := testkit.Token(t, "alice", "customer")
	var orders []uuid.UUID
	for i := range 4 {
		orders = append(orders, a.placed(alice, fmt.Sprint("k", i)))
	}
	if a := a.place(alice, "late", mug); !shed(t, a) { // it counted itself
		t.Errorf("%d %s", a.status, a.body)
	}
	testkit.Eventually(t, func() bool { return shed(t, b.place(alice, "wrong", strings.Replace(mug, "mug", "none", 1))) }, "the other replica knows")
	if a.metric(`orders_shed_total{reason="unfinished"}`) != "1" {
		t.Error("the metric does not tell")
	}
	s.command(orders[0], contracts.CompleteOrder{OrderID: orders[0]}, uuid.New(), "1")
	s.command(orders[1], contracts.RejectOrder{OrderID: orders[1], Step: "x", Reason: contracts.ReasonDeclined}, uuid.New(), "1")
	for i, r := range []*replica{a, b} {
		testkit.Eventually(t, func() bool { return r.place(alice, fmt.Sprint("again", i), mug).status == http.StatusAccepted }, "room again")
	}
	if n, m := s.count(`SELECT sum(n) FROM orders_unfinished`), s.count(`SELECT count(*) FROM orders WHERE status = 'placed'`); n != m {
		t.Errorf("%d unfinished are counted, there are %d", n, m)
	}
}
