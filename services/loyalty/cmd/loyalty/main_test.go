package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/testkit"
)

// TestMain makes the test binary the program itself where this is set.
func TestMain(m *testing.M) {
	if os.Getenv("LOYALTY_PROGRAM") != "" {
		main()
		return
	}
	testkit.Main(m)
}

// world is the program, and a topic of what the order service says.
type world struct {
	*testing.T

	db     *testkit.DB
	broker testkit.Broker
	client *kgo.Client
	admin  string
	env    []string
	nth    map[uuid.UUID]int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, db: testkit.Postgres(t), broker: testkit.Kafka(t), nth: map[uuid.UUID]int{}}
	w.broker.Topics(t, contracts.Partitions, contracts.OrderEvents, messaging.DeadLetterTopic(contracts.OrderEvents))
	w.client = w.broker.Client(t)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.admin = l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	w.env = []string{
		"LOYALTY_PROGRAM=1", "DATABASE_URL=" + w.db.URL, "DATABASE_OWNER_URL=" + w.db.URL, "JWKS=" + testkit.JWKS(t),
		"KAFKA_BROKERS=" + strings.Join(w.broker.Addrs, ","), "KAFKA_TOPIC_PREFIX=" + w.broker.Prefix, "ADMIN_ADDR=" + w.admin,
	}
	if out, err := w.command("migrate").CombinedOutput(); err != nil {
		t.Fatalf("migrate: %v\n%s", err, out)
	}
	return w
}

func (w *world) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(w.Context(), os.Args[0], args...)
	cmd.Env = w.env
	return cmd
}

// serve runs the program; the returned function ends it as an operator would.
func (w *world) serve() (stop func()) {
	w.Helper()
	cmd := w.command()
	cmd.Stderr = w.Output()
	if err := cmd.Start(); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { _ = cmd.Process.Kill() }) // it may have ended
	testkit.Eventually(w, func() bool {
		status, _ := w.get("/readyz")
		return status == http.StatusOK
	}, "ready")
	return func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			w.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			w.Errorf("SIGTERM: %v", err)
		}
	}
}

func (w *world) get(path string) (status int, points int64) {
	w.Helper()
	r, err := http.NewRequestWithContext(w.Context(), http.MethodGet, "http://"+w.admin+path, nil)
	if err != nil {
		w.Fatal(err)
	}
	r.Close = true
	r.Header.Set("Authorization", "Bearer "+testkit.Token(w, "olga", "operator"))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, 0
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	var answer struct {
		Points int64 `json:"points"`
	}
	if json.NewDecoder(resp.Body).Decode(&answer) != nil {
		return 0, 0
	}
	return resp.StatusCode, answer.Points
}

func (w *world) waitFor(customer string, points int64) {
	w.Helper()
	testkit.Eventually(w, func() bool {
		status, have := w.get("/admin/v1/points/" + customer)
		return status == http.StatusOK && have == points
	}, fmt.Sprintf("%s has %d points", customer, points))
}

// say produces what the order service would, each event of an order with the next sequence.
func (w *world) say(order uuid.UUID, body contracts.Message) {
	w.Helper()
	value, err := json.Marshal(body)
	if err != nil {
		w.Fatal(err)
	}
	w.nth[order]++
	key := order.String()
	r := &kgo.Record{
		Topic: w.broker.Prefix + contracts.OrderEvents, Key: []byte(key), Value: value,
		Partition: kafka.Partition([]byte(key), contracts.Partitions),
	}
	for _, h := range [][2]string{
		{"ce_specversion", "1.0"}, {"ce_id", uuid.NewSHA1(order, []byte(body.WireType())).String()}, {"ce_source", "/services/order"},
		{"ce_type", body.WireType()}, {"ce_subject", key}, {"ce_time", "2026-01-02T03:04:05.000006Z"},
		{"ce_sequence", fmt.Sprintf("%020d", w.nth[order])}, {"ce_correlationid", key}, {"content-type", "application/json"},
	} {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h[0], Value: []byte(h[1])})
	}
	if err := w.client.ProduceSync(w.Context(), r).FirstErr(); err != nil {
		w.Fatal(err)
	}
}

func placed(order uuid.UUID, customer string, minor int64) contracts.OrderPlaced {
	price := contracts.Money{AmountMinor: minor, Currency: "EUR"}
	return contracts.OrderPlaced{
		OrderID: order, CustomerID: customer, Total: price, PaymentMethod: "pm_ok", ShipTo: "addr-1",
		Lines: []contracts.PricedLine{{SKU: "SKU-1", Quantity: 1, UnitPrice: price}},
	}
}

// records is how many the topic holds.
func (w *world) records() (n int64) {
	w.Helper()
	ends, err := kadm.NewClient(w.client).ListEndOffsets(w.Context(), w.broker.Prefix+contracts.OrderEvents)
	if err != nil {
		w.Fatal(err)
	}
	ends.Each(func(o kadm.ListedOffset) { n += o.Offset })
	return n
}

func TestCompletedOrdersEarnPointsOnceAndForEver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stop := w.serve()
	completed, rejected, open := uuid.New(), uuid.New(), uuid.New()
	w.say(completed, placed(completed, "alice", 1999))
	w.say(rejected, placed(rejected, "alice", 50_000))
	w.say(open, placed(open, "bob", 700))
	w.say(completed, contracts.OrderCompleted{OrderID: completed})
	w.say(rejected, contracts.OrderRejected{OrderID: rejected, Step: "reserve stock", Reason: contracts.ReasonOutOfStock})
	w.waitFor("alice", 19)

	w.say(completed, contracts.OrderCompleted{OrderID: completed}) // comes again
	w.say(open, contracts.OrderCompleted{OrderID: open})
	w.waitFor("bob", 7)
	w.waitFor("alice", 19)
	stop()

	// From the beginning of the log again: nothing changes, nothing is sent.
	said := w.records()
	if _, err := w.db.Pool.Exec(t.Context(), `UPDATE positions SET next = 0, owner = ''`); err != nil {
		t.Fatal(err)
	}
	stop = w.serve()
	last := uuid.New()
	w.say(last, placed(last, "carol", 100))
	w.say(last, contracts.OrderCompleted{OrderID: last})
	w.waitFor("carol", 1)
	testkit.Eventually(t, func() bool {
		var behind int64
		err := w.db.Pool.QueryRow(t.Context(), `SELECT $1 - sum(next)::bigint FROM positions`, w.records()).Scan(&behind)
		return err == nil && behind == 0
	}, "all of the log is read again")
	w.waitFor("alice", 19)
	w.waitFor("bob", 7)
	stop()
	if now := w.records(); now != said+2 {
		t.Errorf("%d records, want %d: a listener sends nothing", now, said+2)
	}
}
