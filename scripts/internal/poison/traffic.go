package poison

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"

	"ordersaga.internal/scripts/internal/load"
)

// Placed is an order that was answered 202.
type Placed struct {
	ID       uuid.UUID
	Marked   bool
	Due      time.Time // when it should have been sent
	Accepted time.Time // when its 202 came
}

// Traffic places orders at a steady rate however long they take: of each OneIn one is the marked customer's, all of them
// alike; the others are of the standard workload.
type Traffic struct {
	Others, Marked *load.Client
	OneIn          int // 0: none is marked
	Seed           uint64
}

// marks tells whether order number i is marked: one in the middle of each stretch.
func (t *Traffic) marks(i int) bool { return t.OneIn > 0 && i%t.OneIn == t.OneIn/2 }

// MarkedOrder is what the marked customer orders. It completes, where nothing is wrong.
func MarkedOrder() load.Order {
	return load.Order{Lines: []load.Line{{SKU: "SKU-0500", Quantity: 1}}, PaymentMethod: "pm_ok", ShipTo: "addr-1"}
}

// Run places orders for d, or until placing ends. It returns when every request has its answer; the error is of the first that
// was not accepted.
func (t *Traffic) Run(ctx, placing context.Context, perSecond float64, d time.Duration) (all []Placed, refused int, first error) {
	var mu sync.Mutex
	load.Open(placing, perSecond, d, func(i int, due time.Time) {
		p := Placed{Marked: t.marks(i), Due: due}
		client, order := t.Others, MarkedOrder()
		if p.Marked {
			client = t.Marked
		} else {
			order, _ = load.Standard(rand.New(rand.NewPCG(t.Seed, uint64(i))))
		}
		var err error
		p.ID, err = client.Place(ctx, "", order)
		p.Accepted = time.Now()
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			all = append(all, p)
			return
		}
		if refused++; first == nil {
			first = fmt.Errorf("an order was not accepted: %w", err)
		}
	})
	return all, refused, first
}
