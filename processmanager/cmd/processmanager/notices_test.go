package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/contracts"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/testkit"
)

// notices waits until the process manager has told people this of an order, "type why" each, on its internal topic: in this
// order, no more, numbered apart from its commands and with no version, for nobody has a contract about it.
func (p *plant) notices(order uuid.UUID, want ...string) {
	p.t.Helper()
	reader := p.broker.Client(p.t, kgo.ConsumeTopics(p.broker.Prefix+messaging.InternalTopic(service)), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	var (
		mu   sync.Mutex
		said []string
		last string
	)
	go func() {
		for {
			fetches := reader.PollFetches(p.t.Context())
			if fetches.IsClientClosed() || p.t.Context().Err() != nil {
				return
			}
			fetches.EachRecord(func(r *kgo.Record) {
				if string(r.Key) != order.String() {
					return
				}
				headers := map[string]string{}
				for _, h := range r.Headers {
					headers[h.Key] = string(h.Value)
				}
				var body struct{ Why string }
				if err := json.Unmarshal(r.Value, &body); err != nil {
					p.t.Error(err)
				}
				if headers["ce_source"] != "/services/processmanager/internal" || headers["ce_sequence"] <= last || headers["ce_causationid"] == "" {
					p.t.Errorf("headers %v after sequence %s", headers, last)
				}
				if contracts.NewRegistry().Known(headers["ce_type"]) {
					p.t.Errorf("%s is a contract's", headers["ce_type"])
				}
				mu.Lock()
				defer mu.Unlock()
				said, last = append(said, fmt.Sprint(headers["ce_type"], " ", body.Why)), headers["ce_sequence"]
			})
		}
	}()
	testkit.Eventually(p.t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		if len(said) > len(want) {
			p.t.Fatalf("it said %v, want %v", said, want)
		}
		return slices.Equal(said, want)
	}, "notices", fmt.Sprint(want))
}
