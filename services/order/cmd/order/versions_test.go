package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/program"
	"ordersaga.internal/infra/testkit"
)

// placedAs returns the type and the body of an order's OrderPlaced.
func (s *shop) placedAs(order uuid.UUID) (wireType, body string) {
	s.t.Helper()
	testkit.Eventually(s.t, func() bool { return len(s.emitted(order)) > 0 }, "OrderPlaced")
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.key == order.String() {
			return e.wireType, string(e.body)
		}
	}
	return "", ""
}

// The switch, thrown on one replica before the other: each publishes its version, once; shipping needs version 2.
func TestOrderPlacedIsPublishedInTheVersionThatIsSet(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	one := s.start("1")
	two := s.start("2", func(c *config) { c.PlacedVersion, c.Shipping = 2, 490 })
	one.stock("mug")
	alice := testkit.Token(t, "alice", "customer")
	for _, c := range []struct {
		replica  *replica
		wireType string
		price    string
	}{
		{one, "OrderPlaced.v1", `"total":{"amount_minor":3998,"currency":"EUR"},`},
		{two, "OrderPlaced.v2", `"price":{"goods":{"amount_minor":3998,"currency":"EUR"},` +
			`"shipping":{"amount_minor":490,"currency":"EUR"},"total":{"amount_minor":4488,"currency":"EUR"}},`},
	} {
		wireType, body := s.placedAs(c.replica.placed(alice, c.wireType))
		if wireType != c.wireType || !strings.Contains(body, c.price) {
			t.Errorf("%s: %s", wireType, body)
		}
	}
	if a := two.place(alice, "dear", `{"lines":[{"sku":"mug","quantity":2}],"payment_method":"pm_ok","ship_to":"a","expected_total":{"amount_minor":3998,"currency":"EUR"}}`); a.problem() != "price-changed /expected_total" {
		t.Errorf("shipping is not part of the total: %d %s", a.status, a.body)
	}
}

// firstVersions is a consumer that knows nothing of version 2: its own types, and an error for whatever they do not name.
func (s *shop) firstVersions() (ids map[string][]string) {
	s.t.Helper()
	known := map[string]func() any{
		"OrderPlaced.v1": func() any {
			type money struct {
				AmountMinor int64  `json:"amount_minor"`
				Currency    string `json:"currency"`
			}
			return &struct {
				OrderID    string `json:"order_id"`
				CustomerID string `json:"customer_id"`
				Lines      []struct {
					SKU       string `json:"sku"`
					Quantity  int    `json:"quantity"`
					UnitPrice money  `json:"unit_price"`
				} `json:"lines"`
				Total         money  `json:"total"`
				PaymentMethod string `json:"payment_method"`
				ShipTo        string `json:"ship_to"`
			}{}
		},
		"OrderCompleted.v1": func() any {
			return &struct {
				OrderID string `json:"order_id"`
			}{}
		},
		"OrderCancellationRequested.v1": func() any {
			return &struct {
				OrderID string `json:"order_id"`
			}{}
		},
		"OrderCancellationDeclined.v1": func() any {
			return &struct {
				OrderID string `json:"order_id"`
			}{}
		},
	}
	ids = map[string][]string{}
	for _, e := range s.log(contracts.OrderEventsV1) {
		body, ok := known[e.wireType]
		if !ok {
			s.t.Errorf("%s has %s", contracts.OrderEventsV1, e.wireType)
			continue
		}
		decoder := json.NewDecoder(bytes.NewReader(e.body))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(body()); err != nil {
			s.t.Errorf("%s: %v", e.body, err)
		}
		ids[e.key] = append(ids[e.key], e.headers["ce_sequence"]+" "+e.headers["ce_id"])
	}
	return ids
}

// log returns what is on a topic.
func (s *shop) log(topic string) (events []event) {
	s.t.Helper()
	listed, err := kadm.NewClient(s.broker.Client(s.t)).ListEndOffsets(s.t.Context(), s.broker.Prefix+topic)
	if err != nil {
		s.t.Fatal(err)
	}
	var ends int64
	listed.Each(func(o kadm.ListedOffset) { ends += o.Offset })
	client := s.broker.Client(s.t, kgo.ConsumeTopics(s.broker.Prefix+topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	for int64(len(events)) < ends && ctx.Err() == nil {
		client.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			e := event{key: string(r.Key), body: bytes.Clone(r.Value), headers: map[string]string{}}
			for _, h := range r.Headers {
				e.headers[h.Key] = string(h.Value)
			}
			e.wireType = e.headers["ce_type"]
			events = append(events, e)
		})
	}
	return events
}

// A consumer that knows only version 1 follows whole orders on the compatibility topic while version 2 is published, until
// the end date; from then on nothing is copied, and the service goes on.
func TestCompatibilityTopicServesThoseWhoCannotFollow(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.broker.Topics(t, contracts.Partitions, contracts.OrderEventsV1)
	end := time.Now().Add(4 * time.Second)
	r := s.start("1", func(c *config) { c.PlacedVersion, c.Shipping, c.CopyUntil = 2, 490, date(end) })
	r.stock("mug")
	alice := testkit.Token(t, "alice", "customer")
	order, command := r.placed(alice, "in time"), uuid.New()
	if a := r.do(alice, "POST", "/v1/orders/"+order.String()+"/cancellation", ""); a.status != 202 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	s.awaitEvents(order, "OrderPlaced.v2", "OrderCancellationRequested")
	s.command(order, contracts.CompleteOrder{OrderID: order}, command, "1")
	s.awaitEvents(order, "OrderPlaced.v2", "OrderCancellationRequested", "OrderCancellationDeclined", "OrderCompleted")
	s.command(order, contracts.CompleteOrder{OrderID: order}, command, "2") // the recorded answer again, and its copy
	want := []string{"OrderPlaced.v2", "OrderCancellationRequested", "OrderCancellationDeclined", "OrderCompleted", "OrderCompleted"}
	s.awaitEvents(order, want...)
	testkit.Eventually(t, func() bool { return len(s.firstVersions()[order.String()]) == len(want) }, "as many copies as events")
	var originals []string
	for _, e := range s.log(contracts.OrderEvents) {
		originals = append(originals, e.headers["ce_sequence"]+" "+e.headers["ce_id"])
	}
	if copies := s.firstVersions()[order.String()]; strings.Join(copies, "\n") != strings.Join(originals, "\n") {
		t.Errorf("copies\n%s\nwant\n%s", strings.Join(copies, "\n"), strings.Join(originals, "\n"))
	}

	testkit.Eventually(t, func() bool { return time.Now().After(end) }, "the end date")
	late := r.placed(alice, "too late")
	s.awaitEvents(late, "OrderPlaced.v2")
	if copies := s.firstVersions()[late.String()]; len(copies) != 0 {
		t.Errorf("copied after the end date: %v", copies)
	}
	r.stop()
	again := s.start("1", func(c *config) { c.PlacedVersion, c.CopyUntil = 2, date(end) }) // it does not keep orders from being taken
	s.awaitEvents(again.placed(alice, "later still"), "OrderPlaced.v2")
}

func TestCopiesNeedTheirTopic(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	_, err := newService(t.Context(), config{
		Common: program.Common{
			DatabaseURL: s.db.URL, DatabaseConns: 10, KafkaBrokers: s.broker.Addrs, KafkaTopicPrefix: s.broker.Prefix, Replica: "1",
			Workers: 1, JWKS: testkit.JWKS(t), JWTIssuer: testkit.Issuer, JWTAudience: testkit.Audience, LogLevel: "error",
		},
		CopyUntil: date(time.Now().Add(time.Hour)),
	})
	if !errors.Is(err, kafka.ErrTopics) || !strings.Contains(err.Error(), "missing: "+s.broker.Prefix+contracts.OrderEventsV1) {
		t.Errorf("started without it: %v", err)
	}
}

func TestVersionSettings(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]string{
		"":                                 "",
		"ORDER_PLACED_VERSION=2":           "",
		"ORDER_EVENTS_V1_UNTIL=2027-03-31": "",
		"ORDER_EVENTS_V1_UNTIL=soon":       "ORDER_EVENTS_V1_UNTIL (--order-events-v1-until) must be text: Day, as 2027-03-31",
		"ORDER_PLACED_VERSION=3":           "ORDER_PLACED_VERSION must be 1 or 2",
		"SHIPPING_FEE=490":                 "SHIPPING_FEE needs ORDER_PLACED_VERSION=2",
		"SHIPPING_FEE=-1":                  "SHIPPING_FEE must be 0 to 1000000",
	} {
		var c config
		err := program.Parse(&c, "serve", []string{"DATABASE_URL=postgres://127.0.0.1/x", "JWKS=x", setting}, nil)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", setting, err)
		}
		if strings.HasSuffix(setting, "2027-03-31") && !time.Time(c.CopyUntil).Equal(time.Date(2027, 4, 1, 0, 0, 0, 0, time.UTC)) {
			t.Errorf("the day ends at %v", time.Time(c.CopyUntil))
		}
	}
}
