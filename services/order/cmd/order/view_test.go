package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/tmaxmax/go-sse"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/order/internal/view"
	"ordersaga.internal/services/order/internal/viewstore"
	"ordersaga.internal/services/order/migrations/orderview"
)

// showcase is a read model that the test writes: the consumer is another program.
type showcase struct {
	t  *testing.T
	db *testkit.DB
}

func newShowcase(t *testing.T) *showcase {
	t.Helper()
	return &showcase{t, testkit.Postgres(t,
		testkit.Migration{Table: messaging.MigrationsTable, FS: messaging.Migrations},
		testkit.Migration{Table: orderview.Table, FS: orderview.FS})}
}

func (v *showcase) reads(c *config) { c.ViewURL = v.db.URL }

// take puts events of a source into the read model, which then knows everything.
func (v *showcase) take(order uuid.UUID, source string, first int64, bodies ...any) {
	v.t.Helper()
	ctx := v.t.Context()
	book, err := viewstore.LoadFrom(ctx, v.db.Pool, 1, []uuid.UUID{order})
	if err != nil {
		v.t.Fatal(err)
	}
	for i, body := range bodies {
		e := view.Event{Source: source, Sequence: first + int64(i), Time: time.Now().UTC().Truncate(time.Microsecond), Body: body}
		if err := book.Apply(order, e); err != nil {
			v.t.Fatal(err)
		}
	}
	if err := viewstore.Save(ctx, v.db.Pool, 1, book); err != nil {
		v.t.Fatal(err)
	}
	v.refresh()
}

func (v *showcase) refresh() {
	v.t.Helper()
	now := map[int32]time.Time{}
	for p := range int32(contracts.Partitions) {
		now[p] = time.Now()
	}
	if err := viewstore.Refresh(v.t.Context(), v.db.Pool, now); err != nil {
		v.t.Fatal(err)
	}
}

var (
	total     = contracts.Money{AmountMinor: 3998, Currency: "EUR"}
	warehouse = "/services/warehouse"
	payment   = "/services/payment"
)

func TestAnOrderIsEnrichedByTheReadModel(t *testing.T) {
	t.Parallel()
	v := newShowcase(t)
	r := newShop(t).start("1", v.reads)
	r.stock("mug")
	alice := testkit.Token(t, "alice", "customer")
	id := r.placed(alice, "k")
	path := "/v1/orders/" + id.String()
	get := func(known string, more ...string) answer {
		return r.do(alice, http.MethodGet, path, "", append([]string{"If-None-Match", known}, more...)...)
	}

	// Without its OrderPlaced the row is not there, whatever else came.
	v.take(id, warehouse, 1, contracts.StockReserved{OrderID: id})
	if a := get(`"0"`); a.header.Get("ETag") != `"1"` || a.json(t)["timeline"] != nil || a.header.Get("Last-Modified") != "" {
		t.Errorf("%v %s", a.header, a.body)
	}
	v.take(id, "/services/order", 1, contracts.OrderPlacedV2{OrderID: id, CustomerID: "alice", Price: contracts.Price{Total: total}})
	a := get(`"1"`)
	if a.status != http.StatusOK || a.header.Get("ETag") != `"1.1.0.1"` || a.header.Get("Last-Modified") == "" || a.header.Get("Age") != "0" {
		t.Errorf("%d %v %s", a.status, a.header, a.body)
	}
	if a.json(t)["payment"] != nil || a.json(t)["parcel"] != nil || strings.Count(a.body, `"event"`) != 2 {
		t.Error(a.body)
	}
	if a := get(`"1.1.0.1"`); a.status != http.StatusNotModified || a.body != "" || a.header.Get("Age") != "0" {
		t.Errorf("%d %v", a.status, a.header)
	}

	// Who waits for another version is woken by the read model, too; who waits for another status is not.
	woken, patient := make(chan answer, 1), make(chan answer, 1)
	go func() { woken <- get(`"1.1.0.1"`, "Prefer", "wait=30") }()
	go func() { patient <- r.do(alice, http.MethodGet, path, "", "Prefer", "wait=30") }()
	v.take(id, payment, 1, contracts.PaymentAuthorized{OrderID: id, Amount: total}, contracts.PaymentCaptured{OrderID: id, Amount: total})
	v.take(id, warehouse, 2, contracts.OrderDispatched{OrderID: id, ShipmentID: "ship-7"})
	if a := <-woken; a.status != http.StatusOK || a.json(t)["status"] != "placed" || a.json(t)["payment"] == nil {
		t.Errorf("%d %s", a.status, a.body)
	}
	select {
	case a := <-patient:
		t.Errorf("answered early: %s", a.body)
	default:
	}
	if a := r.do(alice, http.MethodPost, path+"/cancellation", ""); a.status != http.StatusAccepted {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := <-patient; a.json(t)["cancellation"] != "requested" || a.json(t)["parcel"] == nil {
		t.Errorf("%d %s", a.status, a.body)
	}
	for _, body := range []string{get("").body, r.do(alice, http.MethodGet, "/v1/orders", "").body} {
		for _, want := range []string{
			`"captured":{"amount_minor":3998,"currency":"EUR"}`, `"shipment_id":"ship-7"`, `"event":"OrderDispatched"`,
		} {
			if !strings.Contains(body, want) {
				t.Errorf("%s not in %s", want, body)
			}
		}
	}
	if a := r.do(testkit.Token(t, "bob", "customer"), http.MethodGet, path, ""); a.status != http.StatusNotFound {
		t.Errorf("bob: %d %s", a.status, a.body)
	}
}

// Orders are served without the read model while it is away, and with it when it is back.
func TestTheReadModelMayBeAway(t *testing.T) {
	t.Parallel()
	v := newShowcase(t)
	r := newShop(t).start("1", v.reads)
	r.stock("mug")
	alice := testkit.Token(t, "alice", "customer")
	id := r.placed(alice, "k")
	path := "/v1/orders/" + id.String()
	tag := func() string { return r.do(alice, http.MethodGet, path, "").header.Get("ETag") }
	v.take(id, "/services/order", 1, contracts.OrderPlacedV2{OrderID: id, CustomerID: "alice", Price: contracts.Price{Total: total}})
	testkit.Eventually(t, func() bool { return tag() == `"1.1.0.0"` }, "the read model")
	if _, err := v.db.Pool.Exec(t.Context(), `ALTER TABLE live RENAME TO gone`); err != nil {
		t.Fatal(err)
	}
	if got := tag(); got != `"1"` {
		t.Errorf("ETag %s", got)
	}
	if a := r.do(alice, http.MethodGet, "/v1/orders", ""); a.status != http.StatusOK || !strings.Contains(a.body, id.String()) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if r.metric("orderview_missed_total") == "0" {
		t.Error("the metric does not tell")
	}
	if _, err := v.db.Pool.Exec(t.Context(), `ALTER TABLE gone RENAME TO live`); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, func() bool { return tag() == `"1.1.0.0"` }, "the read model is back")

	nowhere := newShop(t).start("1", func(c *config) { c.ViewURL = "postgres://nobody@127.0.0.1:1/none" })
	nowhere.stock("mug")
	other := nowhere.placed(alice, "k")
	if a := nowhere.do(alice, http.MethodGet, "/v1/orders/"+other.String(), ""); a.status != http.StatusOK {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// follow opens a stream.
func (r *replica) follow(token string, id uuid.UUID, last string) *http.Response {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.url+"/v1/orders/"+id.String()+"/events", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	res, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// events reads a stream to its end: ids and statuses.
func events(t *testing.T, res *http.Response, each func(id, status string)) {
	t.Helper()
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	for e, err := range sse.Read(res.Body, nil) {
		if err != nil {
			t.Error(err)
			return
		}
		var o struct{ Status string }
		if err := json.Unmarshal([]byte(e.Data), &o); err != nil || e.Type != "order" {
			t.Errorf("%+v: %v", e, err)
		}
		each(e.LastEventID, o.Status)
	}
}

func TestAnOrderIsFollowedAsAStream(t *testing.T) {
	t.Parallel()
	v, s := newShowcase(t), newShop(t)
	r, other := s.start("1", v.reads), s.start("2", v.reads)
	r.stock("mug")
	alice := testkit.Token(t, "alice", "customer")
	id := r.placed(alice, "k")
	steps := []func(){
		func() {
			v.take(id, "/services/order", 1, contracts.OrderPlacedV2{OrderID: id, CustomerID: "alice", Price: contracts.Price{Total: total}})
		},
		func() { v.take(id, warehouse, 1, contracts.StockReserved{OrderID: id}) },
	}
	var got []string
	last := ""
	stream := r.follow(alice, id, "")
	events(t, stream, func(tag, status string) {
		got, last = append(got, tag+" "+status), tag
		if len(steps) > 0 {
			steps[0]()
			steps = steps[1:]
			return
		}
		r.stop() // the server stops: the stream ends
	})
	if want := "1 placed, 1.1.0.0 placed, 1.1.0.1 placed"; strings.Join(got, ", ") != want {
		t.Errorf("got %v, want %s", got, want)
	}

	// At another replica: nothing twice, then what changed, then the end, which waits for the read model.
	got = nil
	stream = other.follow(alice, id, last)
	s.command(id, contracts.RejectOrder{OrderID: id, Step: "authorize payment", Reason: contracts.ReasonDeclined}, uuid.New(), "1")
	events(t, stream, func(tag, status string) {
		got, last = append(got, tag+" "+status), tag
		if tag == "2.1.0.1" {
			v.take(id, "/services/order", 2, contracts.OrderRejected{OrderID: id, Step: "authorize payment", Reason: contracts.ReasonDeclined})
		}
	})
	if want := "2.1.0.1 rejected, 2.2.0.1 rejected"; strings.Join(got, ", ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
	if res := other.follow(alice, id, last); res.StatusCode != http.StatusNoContent {
		t.Errorf("a browser would come again for ever: %d", res.StatusCode)
	}
	if res := other.follow(testkit.Token(t, "bob", "customer"), id, ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("bob: %d", res.StatusCode)
	}
	if res := other.follow(testkit.Token(t, "olga", "operator"), id, ""); res.StatusCode != http.StatusForbidden {
		t.Errorf("olga: %d", res.StatusCode)
	}
}

func TestStreamsHaveABound(t *testing.T) {
	t.Parallel()
	r := newShop(t).start("1", func(c *config) { c.Streams = 2 })
	r.stock("mug")
	alice := testkit.Token(t, "alice", "customer")
	id := r.placed(alice, "k")
	first := r.follow(alice, id, "")
	second := r.follow(alice, id, "")
	for _, res := range []*http.Response{first, second} { // they are in once the first line is out
		if line, err := bufio.NewReader(res.Body).ReadString('\n'); err != nil || line != "retry: 1000\n" {
			t.Errorf("%q %v", line, err)
		}
	}
	a := r.do(alice, http.MethodGet, "/v1/orders/"+id.String()+"/events", "")
	if a.status != http.StatusServiceUnavailable || a.problem() != "overloaded" || a.header.Get("Retry-After") == "" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if r.metric("order_streams") != "2" {
		t.Error("the metric does not tell")
	}
	if err := first.Body.Close(); err != nil {
		t.Error(err)
	}
	testkit.Eventually(t, func() bool {
		res := r.follow(alice, id, "")
		defer func() { _ = res.Body.Close() }()
		return res.StatusCode == http.StatusOK
	}, "room again")
}
