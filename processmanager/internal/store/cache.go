package store

import (
	"sync"

	"github.com/google/uuid"
)

// cache remembers the data of instances in flight. It is a matter of thrift only: data never changes.
type cache struct {
	mu   sync.Mutex
	size int
	data map[uuid.UUID]any
}

func newCache(size int) *cache { return &cache{size: size, data: make(map[uuid.UUID]any)} }

// get returns nil for what is not there.
func (c *cache) get(order uuid.UUID) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.data[order]
}

func (c *cache) put(order uuid.UUID, data any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep(order, data)
}

// update remembers the instances that go on and forgets those that ended.
func (c *cache) update(fresh, changed []*Record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range fresh {
		if !r.State.Final() {
			c.keep(r.ID, r.Data)
		}
	}
	for _, r := range changed {
		if r.State.Final() {
			delete(c.data, r.ID)
		}
	}
}

// keep makes room by forgetting whichever comes first.
func (c *cache) keep(order uuid.UUID, data any) {
	for other := range c.data {
		if len(c.data) < c.size {
			break
		}
		delete(c.data, other)
	}
	if c.size > 0 {
		c.data[order] = data
	}
}
