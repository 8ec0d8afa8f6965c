package httpserver

import (
	"sync"
	"time"
)

// tokenCache remembers verified tokens until they end. It is bounded by two generations: when the young one holds half of
// what is allowed, it becomes the old one, and what the old one still held is forgotten unless it was used meanwhile.
type tokenCache struct {
	mu         sync.RWMutex
	half       int
	young, old map[string]known
}

type known struct {
	claims Claims
	until  time.Time
}

func newTokenCache(most int) *tokenCache {
	return &tokenCache{half: max(most/2, 1), young: map[string]known{}}
}

func (c *tokenCache) get(token string, now time.Time) (Claims, bool) {
	c.mu.RLock()
	k, young := c.young[token]
	old := false
	if !young {
		k, old = c.old[token]
	}
	c.mu.RUnlock()
	if !young && !old || !now.Before(k.until) {
		return Claims{}, false
	}
	if old {
		c.put(token, k.claims, k.until)
	}
	return k.claims, true
}

func (c *tokenCache) put(token string, claims Claims, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.young) >= c.half {
		c.old, c.young = c.young, make(map[string]known, c.half)
	}
	c.young[token] = known{claims, until}
}
