package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/program"
	"ordersaga.internal/infra/testkit"
	"ordersaga.internal/processmanager/internal/fulfilment"
	"ordersaga.internal/processmanager/saga"
)

// first is the program with version 1 alone, whose lives these tests spell out.
func first() program.Spec[config] { return spec(saga.NewSet(fulfilment.V1)) }

// plant is the program on a database and a broker of its own, with participants that answer commands as a test says.
type plant struct {
	t      *testing.T
	broker testkit.Broker
	client *kgo.Client
	admin  string

	environment []string

	mu      sync.Mutex
	answers map[string]func(order uuid.UUID, attempt string) contracts.Message // by wire type of the command; nil: silence
	count   map[uuid.UUID]int64                                                // ce_sequence of the participants, one for all
}

func newPlant(t *testing.T, settings ...string) *plant {
	t.Helper()
	p := &plant{t: t, broker: testkit.Kafka(t), admin: freeAddr(t), count: map[uuid.UUID]int64{}}
	p.client = p.broker.Client(t)
	p.broker.Topics(t, contracts.Partitions, topics()...)
	db := testkit.Postgres(t)
	environment := append([]string{
		"DATABASE_URL=" + db.URL, "DATABASE_OWNER_URL=" + db.URL, "KAFKA_BROKERS=" + strings.Join(p.broker.Addrs, ","),
		"KAFKA_TOPIC_PREFIX=" + p.broker.Prefix, "ADMIN_ADDR=" + p.admin, "JWKS=" + testkit.JWKS(t), "LOG_LEVEL=error",
	}, settings...)
	p.environment = environment
	if code := program.Run(t.Context(), first(), []string{"migrate"}, environment); code != program.ExitOK {
		t.Fatalf("migrate: exit code %d", code)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan int, 1)
	go func() { done <- program.Run(ctx, first(), nil, environment) }()
	t.Cleanup(func() {
		stop()
		if code := <-done; code != program.ExitOK {
			t.Errorf("serve: exit code %d", code)
		}
	})
	p.participate()
	testkit.Eventually(t, func() bool { status, _ := get(t, "http://"+p.admin+"/readyz"); return status == http.StatusOK }, "ready")
	return p
}

func (p *plant) on(command contracts.Message, answer func(order uuid.UUID, attempt string) contracts.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers[command.WireType()] = answer
}

// participate answers every command well, unless the test changed that.
func (p *plant) participate() {
	eur := contracts.Money{AmountMinor: 3998, Currency: "EUR"}
	always := func(answer func(uuid.UUID) contracts.Message) func(uuid.UUID, string) contracts.Message {
		return func(o uuid.UUID, _ string) contracts.Message { return answer(o) }
	}
	p.answers = map[string]func(uuid.UUID, string) contracts.Message{
		contracts.ReserveStock{}.WireType(): always(func(o uuid.UUID) contracts.Message { return contracts.StockReserved{OrderID: o} }),
		contracts.ReleaseStock{}.WireType(): always(func(o uuid.UUID) contracts.Message { return contracts.StockReleased{OrderID: o} }),
		contracts.AuthorizePayment{}.WireType(): always(func(o uuid.UUID) contracts.Message {
			return contracts.PaymentAuthorized{OrderID: o, Amount: eur}
		}),
		contracts.CapturePayment{}.WireType(): always(func(o uuid.UUID) contracts.Message {
			return contracts.PaymentCaptured{OrderID: o, Amount: eur}
		}),
		contracts.VoidPayment{}.WireType(): always(func(o uuid.UUID) contracts.Message { return contracts.PaymentVoided{OrderID: o, Amount: eur} }),
		contracts.DispatchOrder{}.WireType(): always(func(o uuid.UUID) contracts.Message {
			return contracts.OrderDispatched{OrderID: o, ShipmentID: "s"}
		}),
		contracts.CompleteOrder{}.WireType(): always(func(o uuid.UUID) contracts.Message { return contracts.OrderCompleted{OrderID: o} }),
		contracts.RejectOrder{}.WireType():   always(func(o uuid.UUID) contracts.Message { return contracts.OrderRejected{OrderID: o} }),
	}
	topics := []string{contracts.OrderCommands, contracts.PaymentCommands, contracts.WarehouseCommands}
	for i := range topics {
		topics[i] = p.broker.Prefix + topics[i]
	}
	reader := p.broker.Client(p.t, kgo.ConsumeTopics(topics...), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	p.t.Cleanup(func() { cancel(); <-done })
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			reader.PollFetches(ctx).EachRecord(func(r *kgo.Record) { p.react(ctx, r) })
		}
	}()
}

func (p *plant) react(ctx context.Context, r *kgo.Record) {
	headers := map[string]string{}
	for _, h := range r.Headers {
		headers[h.Key] = string(h.Value)
	}
	order, command := uuid.MustParse(string(r.Key)), uuid.MustParse(headers["ce_id"])
	p.mu.Lock()
	answer := p.answers[headers["ce_type"]]
	p.mu.Unlock()
	if answer == nil {
		return
	}
	if body := answer(order, headers["ce_attempt"]); body != nil {
		p.publish(ctx, order, command, body)
	}
}

// publish puts an event into the log; command is what it answers, or uuid.Nil.
func (p *plant) publish(ctx context.Context, order, command uuid.UUID, body contracts.Message) {
	_, topic, data, err := contracts.NewRegistry().Encode(body)
	if err != nil {
		p.t.Error(err)
		return
	}
	p.mu.Lock()
	p.count[order]++
	sequence := p.count[order]
	p.mu.Unlock()
	key := []byte(order.String())
	record := &kgo.Record{Topic: p.broker.Prefix + topic, Key: key, Value: data, Partition: kafka.Partition(key, contracts.Partitions)}
	headers := [][2]string{
		{"ce_specversion", "1.0"},
		{"ce_id", uuid.NewString()},
		{"ce_source", "/services/participants"},
		{"ce_type", body.WireType()},
		{"ce_subject", order.String()},
		{"ce_time", time.Now().UTC().Format(time.RFC3339Nano)},
		{"ce_sequence", fmt.Sprintf("%020d", sequence)},
		{"ce_correlationid", order.String()},
		{"content-type", "application/json"},
	}
	if command != uuid.Nil {
		headers = append(headers, [2]string{"ce_causationid", command.String()})
	}
	for _, h := range headers {
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: h[0], Value: []byte(h[1])})
	}
	if err := p.client.ProduceSync(ctx, record).FirstErr(); err != nil && ctx.Err() == nil {
		p.t.Error(err)
	}
}

func (p *plant) place(customer string) uuid.UUID {
	p.t.Helper()
	order := uuid.Must(uuid.NewV7())
	eur := func(minor int64) contracts.Money { return contracts.Money{AmountMinor: minor, Currency: "EUR"} }
	p.publish(p.t.Context(), order, uuid.Nil, contracts.OrderPlaced{
		OrderID: order, CustomerID: customer, PaymentMethod: "pm_ok", ShipTo: "addr_home", Total: eur(3998),
		Lines: []contracts.PricedLine{{SKU: "SKU-0001", Quantity: 2, UnitPrice: eur(1999)}},
	})
	return order
}

// instance is what operators see of an order.
type instance struct {
	State string
	Stuck string
	Steps []struct{ Step, Outcome string }

	Outstanding *struct {
		Step    string
		Undo    bool
		Attempt int
	}
	History []struct {
		Input, Effect, Operator, Reason, Note string
	}
}

func (p *plant) read(order uuid.UUID) (i instance) {
	p.t.Helper()
	status, body := get(p.t, "http://"+p.admin+"/admin/v1/instances/"+order.String())
	if status == http.StatusOK {
		if err := json.Unmarshal([]byte(body), &i); err != nil {
			p.t.Fatalf("%v: %s", err, body)
		}
	}
	return i
}

func (p *plant) becomes(order uuid.UUID, what string, is func(instance) bool) instance {
	p.t.Helper()
	var i instance
	testkit.Eventually(p.t, func() bool { i = p.read(order); return is(i) }, what)
	return i
}

// ask makes an operator's wish and returns the status and, where it was denied, why.
func (p *plant) ask(path, body string) (status int, detail string) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, "http://"+p.admin+"/admin/v1"+path, bytes.NewBufferString(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+testkit.Token(p.t, "olga", "operator"))
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	var problem struct{ Detail string }
	_ = json.Unmarshal(b, &problem) // an instance has none
	return resp.StatusCode, problem.Detail
}

func (p *plant) shows(metric string) bool {
	p.t.Helper()
	_, body := get(p.t, "http://"+p.admin+"/metrics")
	return strings.Contains(body, "\n"+metric+"\n")
}

// truncate deletes all that is on a topic, as retention does.
func (p *plant) truncate(topic string) {
	p.t.Helper()
	admin := kadm.NewClient(p.client)
	ends, err := admin.ListEndOffsets(p.t.Context(), p.broker.Prefix+topic)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := admin.DeleteRecords(p.t.Context(), ends.Offsets()); err != nil {
		p.t.Fatal(err)
	}
}
