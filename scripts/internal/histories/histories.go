// Package histories writes the events of many orders straight into the topics, as the services would have: for what must
// cope with a long log, without the hours that making it takes.
package histories

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/messaging"
)

// said is one event and who says it.
type said struct {
	source string
	body   contracts.Message
}

// life is what is said of one order: most complete, some are declined or cancelled. Old and new versions of OrderPlaced are mixed.
func life(id uuid.UUID, n int) []said {
	price := contracts.Money{AmountMinor: int64(1000 + n%9000), Currency: "EUR"}
	newest := contracts.OrderPlacedV2{
		OrderID: id, CustomerID: fmt.Sprintf("customer-%d", n%1000), Price: contracts.Price{Goods: price, Shipping: contracts.Money{Currency: price.Currency}, Total: price}, PaymentMethod: "pm_ok", ShipTo: "addr-1",
		Lines: []contracts.PricedLine{{SKU: fmt.Sprintf("SKU-%04d", n%1000), Quantity: 1, UnitPrice: price}},
	}
	placed := said{"order", newest}
	if n%2 == 0 {
		placed.body = newest.Downcast()
	}
	reserved := said{"warehouse", contracts.StockReserved{OrderID: id}}
	authorized := said{"payment", contracts.PaymentAuthorized{OrderID: id, Amount: price}}
	switch {
	case n%20 == 0:
		return []said{
			placed, reserved, {"payment", contracts.PaymentDeclined{OrderID: id, Reason: contracts.ReasonDeclined}},
			{"warehouse", contracts.StockReleased{OrderID: id}},
			{"order", contracts.OrderRejected{OrderID: id, Step: "authorize payment", Reason: contracts.ReasonDeclined}},
		}
	case n%20 == 1:
		return []said{
			placed, {"order", contracts.OrderCancellationRequested{OrderID: id}}, reserved, authorized,
			{"payment", contracts.PaymentVoided{OrderID: id, Amount: price}}, {"warehouse", contracts.StockReleased{OrderID: id}},
			{"order", contracts.OrderCancelled{OrderID: id}},
		}
	}
	return []said{
		placed, reserved, authorized, {"payment", contracts.PaymentCaptured{OrderID: id, Amount: price}},
		{"warehouse", contracts.OrderDispatched{OrderID: id, ShipmentID: "shipment-" + id.String()[24:]}},
		{"order", contracts.OrderCompleted{OrderID: id}},
	}
}

// Produce writes the lives of so many orders and returns how many records that were.
func Produce(ctx context.Context, brokers string, orders int) (records int64, err error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(brokers, ",")...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(5*time.Millisecond), kgo.MaxBufferedRecords(50_000))
	if err != nil {
		return 0, fmt.Errorf("produce histories: %w", err)
	}
	defer cl.Close()
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	registry := contracts.NewRegistry()
	at := time.Now().UTC()
	for n := range orders {
		id, err := uuid.NewV7()
		if err != nil {
			return 0, fmt.Errorf("order id: %w", err)
		}
		sequences := map[string]int64{}
		for i, s := range life(id, n) {
			sequences[s.source]++
			r, err := record(registry, id, s, sequences[s.source], at.Add(time.Duration(i)*10*time.Millisecond))
			if err != nil {
				return 0, err
			}
			cl.Produce(ctx, r, func(_ *kgo.Record, err error) {
				if err != nil {
					fail(err)
				}
			})
			records++
		}
	}
	if err := cl.Flush(ctx); err != nil {
		return 0, fmt.Errorf("produce histories: %w", context.Cause(ctx))
	}
	return records, context.Cause(ctx)
}

func record(registry *contracts.Registry, id uuid.UUID, s said, sequence int64, at time.Time) (*kgo.Record, error) {
	wireType, topic, data, err := registry.Encode(s.body)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	key, source := id.String(), "/services/"+s.source
	r := &kgo.Record{Topic: topic, Key: []byte(key), Value: data, Partition: kafka.Partition([]byte(key), contracts.Partitions)}
	for _, h := range [][2]string{
		{"ce_specversion", "1.0"},
		{"ce_id", messaging.AnswerID(id, source, sequence).String()},
		{"ce_source", source},
		{"ce_type", wireType},
		{"ce_subject", key},
		{"ce_time", at.Format("2006-01-02T15:04:05.000000Z")},
		{"ce_sequence", fmt.Sprintf("%020d", sequence)},
		{"ce_correlationid", key},
		{"content-type", "application/json"},
	} {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h[0], Value: []byte(h[1])})
	}
	return r, nil
}
