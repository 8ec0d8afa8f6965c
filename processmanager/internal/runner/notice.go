package runner

import (
	"github.com/google/uuid"

	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/processmanager/internal/store"
	"ordersaga.internal/processmanager/saga"
)

// SagaStuck says that an instance needs an operator, and why: what no metric may say, for metrics have no ids. It is an
// internal message (docs/decisions/internal-messages.md).
type SagaStuck struct {
	OrderID uuid.UUID  `json:"order_id"`
	State   saga.State `json:"state"`
	Step    string     `json:"step,omitempty"` // the outstanding one
	Why     string     `json:"why"`
}

// SagaFreed says that an instance that was stuck needs nobody any more.
type SagaFreed struct {
	OrderID uuid.UUID  `json:"order_id"`
	State   saga.State `json:"state"`
}

// InternalType implements messaging.Internal.
func (SagaStuck) InternalType() string { return "SagaStuck" }

// InternalType implements messaging.Internal.
func (SagaFreed) InternalType() string { return "SagaFreed" }

// notices returns what people are to be told of a transition, given why the instance was stuck before it. A transition has
// one notice at most, so that its number counts them.
func notices(rec *store.Record, before string) []messaging.Message {
	if rec.Stuck == before {
		return nil
	}
	m := messaging.Message{Sequence: int64(rec.Transitions), Body: SagaFreed{OrderID: rec.ID, State: rec.State}}
	if rec.Stuck != "" {
		stuck := SagaStuck{OrderID: rec.ID, State: rec.State, Why: rec.Stuck}
		if rec.Outstanding != nil {
			stuck.Step = rec.Outstanding.Step
		}
		m.Body = stuck
	}
	m.Traceparent, m.Tracestate = rec.Traceparent, rec.Tracestate
	return []messaging.Message{m}
}
