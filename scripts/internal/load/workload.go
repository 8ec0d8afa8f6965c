package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/time/rate"
)

// Standard is the workload "standard": 3 lines of 1,000 SKUs; 95 % complete, 2 % declined, 2 % sold out, 1 % cancelled.
func Standard(r *rand.Rand) (o Order, cancel bool) {
	o = Order{PaymentMethod: "pm_ok", ShipTo: "addr-1"}
	first := r.IntN(1000)
	for i := range 3 {
		o.Lines = append(o.Lines, Line{SKU: fmt.Sprintf("SKU-%04d", (first+i*37)%1000+1), Quantity: 1 + r.IntN(3)})
	}
	switch p := r.IntN(100); {
	case p < 2:
		o.PaymentMethod = "pm_declined"
	case p < 4:
		o.Lines[2].SKU = "SOLD-OUT"
	case p < 5:
		cancel = true
	}
	return o, cancel
}

// Placed is what a run placed: order id → when its request was sent.
type Placed struct {
	mu       sync.Mutex
	At       map[uuid.UUID]time.Time
	Accepted map[uuid.UUID]time.Time // when its 202 came
	Errors   []error                 // the first few
	Failed   atomic.Int64            // requests without a 202
}

// Run places n orders: closed loop with so many customers, or open loop at perSecond > 0.
func Run(ctx context.Context, c *Client, n, customers int, perSecond float64, seed uint64, progress func(int)) *Placed {
	p := &Placed{At: map[uuid.UUID]time.Time{}, Accepted: map[uuid.UUID]time.Time{}}
	limit := rate.Inf
	if perSecond > 0 {
		limit = rate.Limit(perSecond)
	}
	limiter := rate.NewLimiter(limit, 1)
	var next atomic.Int64
	var wg sync.WaitGroup
	for w := range customers {
		r := rand.New(rand.NewPCG(seed, uint64(w)))
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1))
				if i > n || limiter.Wait(ctx) != nil {
					return
				}
				p.one(ctx, c, r)
				progress(i)
			}
		})
	}
	wg.Wait()
	return p
}

func (p *Placed) one(ctx context.Context, c *Client, r *rand.Rand) {
	o, cancel := Standard(r)
	sent := time.Now()
	id, err := c.Place(ctx, "", o)
	if err != nil {
		p.fail(err)
		return
	}
	got := time.Now()
	p.mu.Lock()
	p.At[id], p.Accepted[id] = sent, got
	p.mu.Unlock()
	if cancel {
		if err := c.Cancel(ctx, id); err != nil {
			p.note(err) // 409: it was faster than its cancellation
		}
	}
}

func (p *Placed) fail(err error) {
	p.Failed.Add(1)
	p.note(err)
}

func (p *Placed) note(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.Errors) < 10 {
		p.Errors = append(p.Errors, err)
	}
}
