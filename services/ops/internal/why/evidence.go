package why

import (
	"time"

	"github.com/google/uuid"

	"ordersaga.internal/infra/messaging/trail"
	"ordersaga.internal/services/ops/internal/adminapi"
	"ordersaga.internal/services/ops/internal/adminapi/manager"
	"ordersaga.internal/services/ops/internal/tap"
)

// Evidence is everything that was found about one order.
type Evidence struct {
	Order     uuid.UUID
	Instance  *manager.Instance       // nil: the process manager has none
	Trails    map[string]*trail.Trail // by service; nil where it did not answer
	Messages  []tap.Record            // of the order, on all topics, as they happened
	Log       map[string]tap.Span     // by topic: what its partition held; nil where Kafka did not answer
	Storms    []manager.Storm         // that are on
	Ledger    []adminapi.Entry        // the provider's
	HasLedger bool                    // it could be read
	Away      []string                // what did not answer, and how
	ReadAt    time.Time
}

// The services, as their trails are named.
const (
	orders    = "order"
	payment   = "payment"
	warehouse = "warehouse"
	managers  = "processmanager"
)

// Row is the order as the order service has it.
type Row struct {
	CustomerID    string     `json:"customer_id"`
	TotalMinor    int64      `json:"total_minor"`
	Currency      string     `json:"currency"`
	PaymentMethod string     `json:"payment_method"`
	Status        string     `json:"status"`
	Cancellation  string     `json:"cancellation"`
	Step          string     `json:"step"`
	Reason        string     `json:"reason"`
	PlacedAt      time.Time  `json:"placed_at"`
	FinishedAt    *time.Time `json:"finished_at"`
}

// Operation is an authorization or capture as payment has it.
type Operation struct {
	Kind        string     `json:"kind"`
	State       string     `json:"state"`
	Command     uuid.UUID  `json:"command_id"`
	AmountMinor int64      `json:"amount_minor"`
	Currency    string     `json:"currency"`
	Settled     bool       `json:"settled"`
	DoneMinor   int64      `json:"done_minor"`
	Code        string     `json:"code"`
	Failures    int        `json:"failures"`
	UndoneMinor int64      `json:"undone_minor"`
	Attempts    int        `json:"attempts"` // calls without an answer since it was opened
	DueAt       *time.Time `json:"due_at"`
	UpdatedAt   time.Time  `json:"updated_at"`
}

// Hold is what the warehouse holds for the order, or held at last.
type Hold struct {
	State string `json:"state"`
}

// row returns the order service's row, nil where there is none.
func (e *Evidence) row() *Row { return first(rows[Row](e, orders, "orders")) }

// hold returns the warehouse's hold, nil where there is none.
func (e *Evidence) hold() *Hold { return first(rows[Hold](e, warehouse, "holds")) }

// operation returns payment's operation of the kind, nil where there is none.
func (e *Evidence) operation(kind string) *Operation {
	for _, o := range rows[Operation](e, payment, "operation") {
		if o.Kind == kind {
			return &o
		}
	}
	return nil
}

func first[T any](all []T) *T {
	if len(all) == 0 {
		return nil
	}
	return &all[0]
}

// group is the service that reads the topic as its commands.
func group(topic string) string {
	switch topic {
	case "order.commands":
		return orders
	case "payment.commands":
		return payment
	case "warehouse.commands":
		return warehouse
	}
	return managers
}

// next is how far the service has read the topic, false where that is not known.
func (e *Evidence) next(service, topic string) (int64, bool) {
	t := e.Trails[service]
	if t == nil {
		return 0, false
	}
	for _, p := range t.Positions {
		if p.Topic == topic {
			return p.Next, true
		}
	}
	return 0, true // it read nothing yet
}

// letter is the dead letter of the service that lies at the place, nil where there is none.
func (e *Evidence) letter(service, topic string, offset int64) *trail.SetAside {
	t := e.Trails[service]
	if t == nil {
		return nil
	}
	for i := range t.DeadLetters {
		if l := &t.DeadLetters[i]; l.Topic == topic && l.Offset == offset {
			return l
		}
	}
	return nil
}
