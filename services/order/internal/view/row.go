package view

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"ordersaga.internal/contracts"
)

// The sources, as Versions counts them.
const (
	Order = iota
	Payment
	Warehouse
	sources
)

// Versions is the highest ce_sequence that was applied of each source.
type Versions [sources]int64

// String is "2.3.1": order, payment, warehouse.
func (v Versions) String() string {
	b := make([]byte, 0, 3*sources)
	for i, n := range v {
		if i > 0 {
			b = append(b, '.')
		}
		b = strconv.AppendInt(b, n, 10)
	}
	return string(b)
}

// Row is an order in the read model. Without its OrderPlaced it is not to be shown.
type Row struct {
	ID       uuid.UUID
	Versions Versions
	At       [Kinds]time.Time // ce_time of the newest event of each kind; zero: none came

	Customer string           // OrderPlaced
	Total    contracts.Money  // OrderPlaced; every amount is of its currency
	Step     string           // OrderRejected
	Reason   contracts.Reason // OrderRejected

	Authorized, Captured, Voided, Refunded                 contracts.Money  // what the payment events said; zero: none came
	StockRefusal, Decline, CaptureRefusal, DispatchRefusal contracts.Reason // one refusal each
	Shipment                                               string           // OrderDispatched
}

// Visible tells whether the order was placed, as far as is known here.
func (r *Row) Visible() bool { return !r.At[OrderPlaced].IsZero() }

// Newer tells whether r has seen more than other.
func (r *Row) Newer(other *Row) bool {
	var a, b int64
	for i := range r.Versions {
		a, b = a+r.Versions[i], b+other.Versions[i]
	}
	return a > b
}

// ChangedAt is the time of the newest event.
func (r *Row) ChangedAt() time.Time {
	return slices.MaxFunc(r.At[:], time.Time.Compare)
}

// Entry is one line of an order's timeline.
type Entry struct {
	Kind Kind
	At   time.Time
}

// Timeline is what happened, oldest first, by the clocks of those who did it.
func (r *Row) Timeline() []Entry {
	var out []Entry
	for kind, at := range r.At {
		if !at.IsZero() {
			out = append(out, Entry{Kind(kind), at})
		}
	}
	slices.SortStableFunc(out, func(a, b Entry) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Kind, b.Kind)) })
	return out
}

// Sight is a row as it was read. What was in the log at AsOf is in it; zero: that is not known.
type Sight struct {
	Row
	AsOf time.Time
}

// Newer tells whether s has seen more than other.
func (s Sight) Newer(other Sight) bool { return s.Row.Newer(&other.Row) }
