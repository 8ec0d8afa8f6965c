package load

import (
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Ends collects when and how orders ended, as a tap of order.events sees it.
type Ends struct {
	mu   sync.Mutex
	ends map[uuid.UUID]End
}

// End of an order. At is when the tap read it, which is later than the commit.
type End struct {
	How string // "OrderCompleted", "OrderRejected" or "OrderCancelled"
	At  time.Time
}

// NewEnds returns an empty collection.
func NewEnds() *Ends { return &Ends{ends: map[uuid.UUID]End{}} }

// See is the tap's callback.
func (e *Ends) See(r *kgo.Record) {
	switch how := Name(r); how {
	case "OrderCompleted", "OrderRejected", "OrderCancelled":
		id, err := uuid.ParseBytes(r.Key)
		if err != nil {
			return
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		if _, again := e.ends[id]; !again {
			e.ends[id] = End{How: how, At: time.Now()}
		}
	}
}

// Of returns how an order ended.
func (e *Ends) Of(id uuid.UUID) (End, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	end, ok := e.ends[id]
	return end, ok
}

// Len is how many orders ended.
func (e *Ends) Len() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.ends)
}
