package load

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/kafka"
)

// life is the messages of an order that completes, in their order.
func life() []contracts.Message {
	return []contracts.Message{
		contracts.OrderPlaced{}, contracts.ReserveStock{}, contracts.StockReserved{}, contracts.AuthorizePayment{}, contracts.PaymentAuthorized{},
		contracts.CapturePayment{}, contracts.PaymentCaptured{}, contracts.DispatchOrder{}, contracts.OrderDispatched{}, contracts.CompleteOrder{},
		contracts.OrderCompleted{},
	}
}

// sampled is a message type with its golden sample.
type sampled struct {
	wireType, topic string
	value           []byte
}

// sampleOrder is the order that every golden sample is of.
const sampleOrder = "0199b1de-7c1e-7aaa-8bbb-0123456789ab"

// side is how many orders live side by side.
const side = 500

// Lives produces n messages of orders that live side by side, as they are on the wire, without any program: for those who
// only read topics. It returns how many bytes their keys, values and headers have.
func Lives(ctx context.Context, brokers, root string, n int) (size int64, err error) {
	steps, err := sampleLife(root)
	if err != nil {
		return 0, err
	}
	client, err := kafka.NewClient(kafka.Config{Brokers: kafka.Brokers(brokers), ClientID: "lives"}, slog.New(slog.DiscardHandler),
		kgo.ProducerLinger(5*time.Millisecond))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	var mu sync.Mutex
	var failed error
	promise := func(_ *kgo.Record, err error) {
		if err != nil {
			mu.Lock()
			defer mu.Unlock()
			failed = err
		}
	}
	var orders [side]uuid.UUID
	for i := range n {
		at, step := i%side, i/side%len(steps)
		if step == 0 {
			if orders[at], err = uuid.NewV7(); err != nil {
				return 0, fmt.Errorf("produce: %w", err)
			}
		}
		r := steps[step].record(orders[at], step)
		size += int64(len(r.Key) + len(r.Value))
		for _, h := range r.Headers {
			size += int64(len(h.Key) + len(h.Value))
		}
		client.Produce(ctx, r, promise)
	}
	if err := client.Flush(ctx); err != nil {
		return 0, fmt.Errorf("produce: %w", err)
	}
	return size, failed
}

func sampleLife(root string) ([]sampled, error) {
	topics := map[string]string{}
	for _, e := range contracts.Entries() {
		topics[e.Type] = e.Topic
	}
	var out []sampled
	for _, m := range life() {
		value, err := os.ReadFile(filepath.Join(root, "contracts", "samples", m.WireType()+".json"))
		if err != nil {
			return nil, fmt.Errorf("golden sample: %w", err)
		}
		out = append(out, sampled{m.WireType(), topics[m.WireType()], bytes.TrimSpace(value)})
	}
	return out, nil
}

// record is the message of an order, with every header that the machine writes.
func (s sampled) record(order uuid.UUID, step int) *kgo.Record {
	text := order.String()
	header := func(key, value string) kgo.RecordHeader { return kgo.RecordHeader{Key: key, Value: []byte(value)} }
	service, _, _ := strings.Cut(s.topic, ".")
	r := &kgo.Record{
		Topic: s.topic, Key: []byte(text), Partition: kafka.Partition([]byte(text), contracts.Partitions),
		Value: bytes.ReplaceAll(s.value, []byte(sampleOrder), []byte(text)),
		Headers: []kgo.RecordHeader{
			header("ce_specversion", "1.0"), header("ce_id", uuid.NewString()), header("ce_source", "/services/"+service), header("ce_type", s.wireType),
			header("ce_subject", text), header("ce_time", time.Now().UTC().Format(time.RFC3339Nano)), header("ce_sequence", fmt.Sprintf("%020d", step)),
			header("ce_correlationid", text), header("ce_causationid", uuid.NewString()), header("content-type", "application/json"),
			header("traceparent", "00-"+strings.ReplaceAll(uuid.NewString(), "-", "")+"-00f067aa0ba902b7-01"),
		},
	}
	if strings.HasSuffix(s.topic, ".commands") {
		r.Headers = append(r.Headers, header("ce_attempt", "1"))
	}
	return r
}
