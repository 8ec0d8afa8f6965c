package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/program"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/services/order/internal/view"
	"ordersaga.internal/services/order/internal/viewstore"
	"ordersaga.internal/services/order/migrations/orderview"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// model is a database, a broker, and what was said on it.
type model struct {
	t      testing.TB
	db     *testkit.DB
	broker testkit.Broker
	client *kgo.Client
	random *rand.Rand

	mu   sync.Mutex
	book *view.Book // what the read model should be
	sent int64      // records
}

func newModel(t testing.TB, broker testkit.Broker) *model {
	t.Helper()
	m := &model{
		t: t, broker: broker, random: rand.New(rand.NewPCG(1, 2)), book: view.NewBook(),
		db: testkit.Postgres(t,
			testkit.Migration{Table: messaging.MigrationsTable, FS: messaging.Migrations},
			testkit.Migration{Table: orderview.Table, FS: orderview.FS}),
	}
	broker.Topics(t, contracts.Partitions, append(messaging.DeadLetterTopics(contracts.EventTopics()...), contracts.Topics()...)...)
	m.client = broker.Client(t)
	return m
}

func (m *model) config(replica string) config {
	return config{
		Common: program.Common{
			DatabaseURL: m.db.URL, DatabaseOwnerURL: m.db.URL, DatabaseConns: 10,
			KafkaBrokers: m.broker.Addrs, KafkaTopicPrefix: m.broker.Prefix, Replica: replica, Workers: 2,
			JWKS: testkit.JWKS(m.t), JWTIssuer: testkit.Issuer, JWTAudience: testkit.Audience, LogLevel: "error+9",
		},
		AdminAddr: "127.0.0.1:0", ArchiveURL: m.db.URL,
	}
}

// start runs a replica until the test ends.
func (m *model) start(replica string) *service {
	m.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s, err := newService(ctx, m.config(replica))
	if err != nil {
		cancel()
		m.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.run(ctx) }()
	m.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			m.t.Error(err)
		}
		s.parts.Close(context.Background())
	})
	testkit.Eventually(m.t, func() bool { return s.machine.Ready(m.t.Context()) == nil }, "replica is ready")
	return s
}

// said is an event as it lies in the log.
type said struct {
	order uuid.UUID
	view.Event
}

// life is an order's events by source.
func life(order uuid.UUID, how int) [][]said {
	eur := contracts.Money{AmountMinor: 1999, Currency: "EUR"}
	placed := contracts.OrderPlacedV2{OrderID: order, CustomerID: "alice", Price: contracts.Price{Goods: eur, Shipping: contracts.Money{Currency: "EUR"}, Total: eur}, PaymentMethod: "pm_ok", ShipTo: "addr-1",
		Lines: []contracts.PricedLine{{SKU: "mug", Quantity: 1, UnitPrice: eur}}}
	var all [][]any
	switch how % 3 {
	case 0:
		all = [][]any{
			{placed, contracts.OrderCompleted{OrderID: order}},
			{contracts.PaymentAuthorized{OrderID: order, Amount: eur}, contracts.PaymentCaptured{OrderID: order, Amount: eur}},
			{contracts.StockReserved{OrderID: order}, contracts.OrderDispatched{OrderID: order, ShipmentID: "ship-" + order.String()}},
		}
	case 1:
		all = [][]any{
			{placed, contracts.OrderRejected{OrderID: order, Step: "authorize payment", Reason: contracts.ReasonDeclined}},
			{contracts.PaymentDeclined{OrderID: order, Reason: contracts.ReasonDeclined}},
			{contracts.StockReserved{OrderID: order}, contracts.StockReleased{OrderID: order}},
		}
	case 2: // an undo fails twice; its two events are of one kind
		all = [][]any{
			{placed, contracts.OrderCancellationRequested{OrderID: order}, contracts.OrderCancelled{OrderID: order}},
			{contracts.PaymentAuthorized{OrderID: order, Amount: eur}, contracts.PaymentVoidFailed{OrderID: order, Detail: "x"},
				contracts.PaymentVoidFailed{OrderID: order, Detail: "y"}, contracts.PaymentVoided{OrderID: order, Amount: eur}},
			{contracts.StockReserved{OrderID: order}, contracts.StockReleased{OrderID: order}},
		}
	}
	var out [][]said
	at := time.Date(2026, 10, 5, 12, 0, 0, 123456000, time.UTC)
	for i, source := range []string{"/services/order", "/services/payment", "/services/warehouse"} {
		var events []said
		for n, body := range all[i] {
			events = append(events, said{order, view.Event{Source: source, Sequence: int64(n + 1), Time: at.Add(time.Duration(10*n+i) * time.Millisecond), Body: body}})
		}
		out = append(out, events)
	}
	return out
}

// say puts the lives of so many orders into the log: of each source in order, mixed, and one record in ten once more.
func (m *model) say(orders int) (ids []uuid.UUID) {
	m.t.Helper()
	var queues [][]said
	for i := range orders {
		id, err := uuid.NewV7()
		if err != nil {
			m.t.Fatal(err)
		}
		ids = append(ids, id)
		queues = append(queues, life(id, i)...)
	}
	var records []*kgo.Record
	for len(queues) > 0 {
		i := m.random.IntN(len(queues))
		record := m.record(queues[i][0])
		records = append(records, record)
		if m.random.IntN(10) == 0 {
			again := *records[m.random.IntN(len(records))]
			records = append(records, &again)
		}
		if queues[i] = queues[i][1:]; len(queues[i]) == 0 {
			queues[i] = queues[len(queues)-1]
			queues = queues[:len(queues)-1]
		}
	}
	m.produce(records...)
	return ids
}

func (m *model) produce(records ...*kgo.Record) {
	m.t.Helper()
	if err := m.client.ProduceSync(m.t.Context(), records...).FirstErr(); err != nil {
		m.t.Error(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sent += int64(len(records))
}

// record is the event as its service writes it, and notes what the read model is to make of it.
func (m *model) record(s said) *kgo.Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.book.Apply(s.order, s.Event); err != nil {
		m.t.Error(err)
	}
	wireType, topic, data, err := contracts.NewRegistry().Encode(s.Body)
	if err != nil {
		m.t.Error(err)
	}
	key := []byte(s.order.String())
	r := &kgo.Record{Topic: m.broker.Prefix + topic, Key: key, Value: data, Partition: kafka.Partition(key, contracts.Partitions)}
	for _, h := range [][2]string{
		{"ce_specversion", "1.0"},
		{"ce_id", messaging.AnswerID(s.order, s.Source, s.Sequence).String()},
		{"ce_source", s.Source},
		{"ce_type", wireType},
		{"ce_subject", s.order.String()},
		{"ce_time", s.Time.Format("2006-01-02T15:04:05.000000Z")},
		{"ce_sequence", fmt.Sprintf("%020d", s.Sequence)},
		{"ce_correlationid", s.order.String()},
		{"content-type", "application/json"},
	} {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h[0], Value: []byte(h[1])})
	}
	return r
}

// ends is the sum of the ends of the topics: how many records there are.
func (m *model) ends(topics ...string) (sum int64) {
	m.t.Helper()
	var names []string
	for _, topic := range topics {
		names = append(names, m.broker.Prefix+topic)
	}
	ends, err := kadm.NewClient(m.client).ListEndOffsets(m.t.Context(), names...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		m.t.Fatal(err)
	}
	ends.Each(func(o kadm.ListedOffset) { sum += o.Offset })
	return sum
}

// forget takes all records of a topic out of Kafka, as its retention does.
func (m *model) forget(topic string) {
	m.t.Helper()
	admin, cut := kadm.NewClient(m.client), kadm.Offsets{}
	ends, err := admin.ListEndOffsets(m.t.Context(), m.broker.Prefix+topic)
	if err != nil {
		m.t.Fatal(err)
	}
	ends.Each(func(o kadm.ListedOffset) { cut.AddOffset(o.Topic, o.Partition, o.Offset, -1) })
	deleted, err := admin.DeleteRecords(m.t.Context(), cut)
	if err == nil {
		err = deleted.Error()
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

// caughtUp waits until everything in the log was read.
func (m *model) caughtUp() {
	m.t.Helper()
	testkit.Eventually(m.t, func() bool {
		return m.number(`SELECT coalesce(sum(next), 0) FROM positions`) == m.ends(contracts.EventTopics()...)
	}, "the log is read")
}

func (m *model) number(sql string) (n int64) {
	m.t.Helper()
	if err := m.db.Pool.QueryRow(m.t.Context(), sql).Scan(&n); err != nil {
		m.t.Fatal(err)
	}
	return n
}

func (m *model) exec(sql string) {
	m.t.Helper()
	if _, err := m.db.Pool.Exec(m.t.Context(), sql); err != nil {
		m.t.Fatal(err)
	}
}

// right compares what is live with what was said.
func (m *model) right() {
	m.t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	want := m.book.Changed()
	ids := make([]uuid.UUID, len(want))
	for i, r := range want {
		ids[i] = r.ID
	}
	stored, err := viewstore.LoadFrom(m.t.Context(), m.db.Pool, int32(m.number(`SELECT generation FROM live`)), ids)
	if err != nil {
		m.t.Fatal(err)
	}
	for _, r := range want {
		if got := stored.Row(r.ID); got == nil || !reflect.DeepEqual(got, r) {
			m.t.Fatalf("stored %+v\nwant   %+v", got, r)
		}
	}
	if n := m.number(`SELECT count(*) FROM order_view WHERE generation = (SELECT generation FROM live)`); n != int64(len(want)) {
		m.t.Errorf("%d rows, want %d", n, len(want))
	}
}

// silent fails where anything but the test wrote to any topic.
func (m *model) silent() {
	m.t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := m.ends(contracts.Topics()...); n != m.sent {
		m.t.Errorf("%d records in the topics, the test sent %d", n, m.sent)
	}
	if n := m.number(`SELECT count(*) FROM outbox`); n != 0 {
		m.t.Errorf("%d messages in the outbox", n)
	}
}

// rebuild runs the command.
func (m *model) rebuild(flags rebuildFlags) (string, error) {
	var out bytes.Buffer
	err := flags.run(m.t.Context(), m.config("rebuild"), &out)
	m.t.Log(strings.TrimSpace(out.String()))
	return out.String(), err
}

// archive puts all events that are in the log into tables as the archive's are, beside the read model's.
func (m *model) archive() {
	m.t.Helper()
	m.exec(`
CREATE TABLE stream (stream smallint PRIMARY KEY, topic text NOT NULL, partition integer NOT NULL, next bigint NOT NULL);
CREATE TABLE record (stream smallint NOT NULL, "offset" bigint NOT NULL, appended_at timestamptz NOT NULL, key bytea, value bytea,
                     headers bytea NOT NULL, PRIMARY KEY (stream, "offset", appended_at));
INSERT INTO stream SELECT row_number() OVER (), topic, partition, next FROM positions`)
	var topics []string
	for _, topic := range contracts.EventTopics() {
		topics = append(topics, m.broker.Prefix+topic)
	}
	reader := m.broker.Client(m.t, kgo.ConsumeTopics(topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	for left := m.ends(contracts.EventTopics()...); left > 0; {
		fetches := reader.PollFetches(m.t.Context())
		if err := fetches.Err(); err != nil {
			m.t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			left--
			headers := binary.BigEndian.AppendUint32(nil, uint32(len(r.Headers)))
			for _, h := range r.Headers {
				headers = append(binary.BigEndian.AppendUint32(headers, uint32(len(h.Key))), h.Key...)
				headers = append(binary.BigEndian.AppendUint32(headers, uint32(len(h.Value))), h.Value...)
			}
			_, err := m.db.Pool.Exec(m.t.Context(), `
INSERT INTO record SELECT stream, $3, $4, $5, $6, $7 FROM stream WHERE topic = $1 AND partition = $2`,
				strings.TrimPrefix(r.Topic, m.broker.Prefix), r.Partition, r.Offset, r.Timestamp, r.Key, r.Value, headers)
			if err != nil {
				m.t.Fatal(err)
			}
		})
	}
}
