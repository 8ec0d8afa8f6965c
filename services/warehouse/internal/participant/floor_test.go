package participant_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.opentelemetry.io/otel/trace/noop"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/warehouse/internal/participant"
	"ordersaga.internal/services/warehouse/internal/stock"
	"ordersaga.internal/services/warehouse/migrations"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// floor is a warehouse of a test's own: database, broker, and as many replicas as the test starts.
type floor struct {
	t      *testing.T
	db     *testkit.DB
	broker testkit.Broker
	client *kgo.Client
	codec  *contracts.Registry

	mu     sync.Mutex
	events map[uuid.UUID][]event // by order, as they lie in the log
	nth    map[uuid.UUID]int64   // ce_sequence of what the test sends
}

// event is one record of the warehouse, repeats included.
type event struct {
	id, cause, sequence string
	body                any
}

func newFloor(t *testing.T) *floor {
	t.Helper()
	f := &floor{
		t: t, broker: testkit.Kafka(t), codec: contracts.NewRegistry(),
		events: map[uuid.UUID][]event{}, nth: map[uuid.UUID]int64{},
		db: testkit.Postgres(t,
			testkit.Migration{Table: messaging.MigrationsTable, FS: messaging.Migrations},
			testkit.Migration{Table: migrations.Table, FS: migrations.FS},
		),
	}
	f.broker.Topics(t, contracts.Partitions, contracts.WarehouseCommands, contracts.WarehouseEvents, messaging.DeadLetterTopic(contracts.WarehouseCommands))
	f.client = f.broker.Client(t)
	f.tap()
	return f
}

type replica struct {
	*messaging.Machine[*participant.Batch]
	metrics *prometheus.Registry
}

// start runs a replica until the test ends.
func (f *floor) start(name string) *replica {
	f.t.Helper()
	return f.startOn(name, f.db.Pool)
}

func (f *floor) startOn(name string, pool *pgxpool.Pool) *replica {
	f.t.Helper()
	log := slog.New(slog.DiscardHandler)
	r := &replica{metrics: prometheus.NewRegistry()}
	handler, err := participant.New(f.codec, r.metrics)
	if err != nil {
		f.t.Fatal(err)
	}
	r.Machine, err = messaging.New(messaging.Deps{
		Pool: pool,
		Kafka: func(opts ...kgo.Opt) (*kgo.Client, error) {
			return kafka.NewClient(f.broker.Config(), log, opts...)
		},
		Codec: f.codec, Log: log, Metrics: r.metrics, Tracer: noop.NewTracerProvider().Tracer(""),
	}, handler, messaging.Config{
		Service: participant.Service, Topics: participant.Topics(), TopicPrefix: f.broker.Prefix, Replica: name,
	})
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	f.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			f.t.Errorf("replica %s stopped: %v", name, err)
		}
	})
	testkit.Eventually(f.t, func() bool { return r.Ready(f.t.Context()) == nil }, "replica is ready")
	return r
}

// tap reads the warehouse's events until the test ends.
func (f *floor) tap() {
	f.t.Helper()
	client := f.broker.Client(f.t, kgo.ConsumeTopics(f.broker.Prefix+contracts.WarehouseEvents),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	done := make(chan struct{})
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			client.PollFetches(ctx).EachRecord(f.note)
		}
	}()
	f.t.Cleanup(func() { stop(); <-done })
}

func (f *floor) note(r *kgo.Record) {
	headers := map[string]string{}
	for _, h := range r.Headers {
		headers[h.Key] = string(h.Value)
	}
	body, err := f.codec.Decode(headers["ce_type"], r.Value)
	if err != nil {
		f.t.Errorf("event: %v", err)
	}
	order := uuid.MustParse(string(r.Key))
	f.mu.Lock()
	defer f.mu.Unlock()
	f.events[order] = append(f.events[order], event{headers["ce_id"], headers["ce_causationid"], headers["ce_sequence"], body})
}

// command is what the process manager would send: ids derived from order and type, as real ones are.
type command struct {
	body    contracts.Message
	attempt int
}

func do(body contracts.Message) command { return command{body, 1} }

func (c command) again(attempt int) command { return command{c.body, attempt} }

func (c command) id() string {
	return uuid.NewSHA1(c.body.Subject(), []byte(c.body.WireType())).String()
}

// send produces commands in this order.
func (f *floor) send(commands ...command) {
	f.t.Helper()
	records := make([]*kgo.Record, len(commands))
	for i, c := range commands {
		value, err := json.Marshal(c.body)
		if err != nil {
			f.t.Fatal(err)
		}
		records[i] = f.record(c, value)
	}
	f.produce(records...)
}

func (f *floor) produce(records ...*kgo.Record) {
	f.t.Helper()
	if err := f.client.ProduceSync(f.t.Context(), records...).FirstErr(); err != nil {
		f.t.Fatal(err)
	}
}

// record is a command on the wire, spelled by hand.
func (f *floor) record(c command, value []byte) *kgo.Record {
	order := c.body.Subject()
	key := order.String()
	f.mu.Lock()
	f.nth[order]++
	n := f.nth[order]
	f.mu.Unlock()
	r := &kgo.Record{
		Topic: f.broker.Prefix + contracts.WarehouseCommands, Key: []byte(key), Value: value,
		Partition: kafka.Partition([]byte(key), contracts.Partitions),
	}
	for _, h := range [][2]string{
		{"ce_specversion", "1.0"}, {"ce_id", c.id()}, {"ce_source", "/services/processmanager"},
		{"ce_type", c.body.WireType()}, {"ce_subject", key}, {"ce_time", "2026-01-02T03:04:05.000006Z"},
		{"ce_sequence", fmt.Sprintf("%020d", n)}, {"ce_correlationid", key}, {"ce_attempt", strconv.Itoa(c.attempt)},
		{"content-type", "application/json"},
	} {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h[0], Value: []byte(h[1])})
	}
	return r
}

// log returns what the warehouse said of an order so far: every record, repeats included.
func (f *floor) log(order uuid.UUID) []event {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]event(nil), f.events[order]...)
}

// answer waits for the first answer to a command.
func (f *floor) answer(c command) any {
	f.t.Helper()
	return f.answers(c, 1)[0].body
}

// answers waits for n records that answer the command.
func (f *floor) answers(c command, n int) []event {
	f.t.Helper()
	var found []event
	testkit.Eventually(f.t, func() bool {
		found = nil
		for _, e := range f.log(c.body.Subject()) {
			if e.cause == c.id() {
				found = append(found, e)
			}
		}
		return len(found) >= n
	}, fmt.Sprintf("%d answers to %s", n, c.body.WireType()))
	return found
}

// receive stocks a SKU through a replica, as an operator does.
func (f *floor) receive(r *replica, sku string, quantity int64) {
	f.t.Helper()
	f.change(r, stock.Change{Key: "receipt/" + sku, Kind: stock.Receipt, SKU: sku, Quantity: quantity})
}

func (f *floor) change(r *replica, c stock.Change) stock.Level {
	f.t.Helper()
	c.Operator = "olga"
	in := &participant.Change{Change: c}
	if err := r.Submit(f.t.Context(), in.Input()); err != nil {
		f.t.Fatal(err)
	}
	return in.Level
}

func (f *floor) level(sku string) (l stock.Level) {
	f.t.Helper()
	const query = `SELECT sku, received, on_hand, reserved, dispatched, written_off, damaged FROM stock WHERE sku = $1`
	if err := f.db.Pool.QueryRow(f.t.Context(), query, sku).Scan(
		&l.SKU, &l.Received, &l.OnHand, &l.Reserved, &l.Dispatched, &l.WrittenOff, &l.Damaged); err != nil {
		f.t.Fatal(err)
	}
	return l
}

func (f *floor) count(query string) (n int) {
	f.t.Helper()
	if err := f.db.Pool.QueryRow(f.t.Context(), query).Scan(&n); err != nil {
		f.t.Fatal(err)
	}
	return n
}

// conserved checks I2 over all rows: what the CHECKs cannot, levels against holds.
func (f *floor) conserved() {
	f.t.Helper()
	const unbalanced = `
SELECT count(*) FROM stock AS s LEFT JOIN (
    SELECT line->>'sku' AS sku,
           sum((line->>'quantity')::bigint) FILTER (WHERE state = 'held') AS held,
           sum((line->>'quantity')::bigint) FILTER (WHERE state = 'dispatched') AS gone
    FROM holds, jsonb_array_elements(lines) AS line GROUP BY 1) AS h USING (sku)
WHERE s.reserved <> coalesce(h.held, 0) OR s.dispatched <> coalesce(h.gone, 0)`
	if n := f.count(unbalanced); n != 0 {
		f.t.Errorf("%d SKUs differ from what is held", n)
	}
}
