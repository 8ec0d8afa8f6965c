package load

import "sync/atomic"

// turn counts round the replicas.
type turn struct{ n atomic.Uint64 }

func (t *turn) next(of int) int { return int(t.n.Add(1) % uint64(of)) }
