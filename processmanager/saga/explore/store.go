package explore

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// fingerprint stands for a key: 128 bits, so that two of even 10^9 states share one with a chance below 10^-20.
type fingerprint struct{ a, b uint64 }

// seeds of the two halves. They differ from run to run; what is found does not.
var seedA, seedB = maphash.MakeSeed(), maphash.MakeSeed()

func fingerprintOf(key []byte) fingerprint {
	return fingerprint{maphash.Bytes(seedA, key), maphash.Bytes(seedB, key)}
}

// state is a world's place in the store: its shard in the low bits.
type state uint32

const (
	shardBits = 6
	shards    = 1 << shardBits
	none      = ^state(0)
)

// record is what is kept of a state beside its key.
type record struct {
	parent state
	at     uint32 // of its key in the shard's arena
	size   uint16
	depth  uint16
	faults uint8
	flags  uint8
}

const (
	expanded uint8 = 1 << iota
	end            // at rest
	reaches        // an end can be reached from it
)

// store holds every state, once.
type store struct {
	shards [shards]shard
	total  atomic.Int64
}

type shard struct {
	mu      sync.Mutex
	prints  []fingerprint // open addressing
	states  []state       // of prints
	used    int
	records []record
	arena   [][]byte
}

const chunk = 1 << 20 // of an arena; keys are far shorter

func newStore() *store {
	s := &store{}
	for k := range s.shards {
		s.shards[k].grow(1 << 8)
	}
	return s
}

func (s *shard) grow(size int) {
	prints, states := s.prints, s.states
	s.prints, s.states = make([]fingerprint, size), make([]state, size)
	for k := range s.states {
		s.states[k] = none
	}
	for k, id := range states {
		if id != none {
			s.put(prints[k], id)
		}
	}
}

// slot returns where a fingerprint is, or where it belongs.
func (s *shard) slot(f fingerprint) int {
	mask := len(s.states) - 1
	k := int(f.b) & mask
	for s.states[k] != none && s.prints[k] != f {
		k = (k + 1) & mask
	}
	return k
}

func (s *shard) put(f fingerprint, id state) {
	k := s.slot(f)
	s.prints[k], s.states[k] = f, id
}

// add returns the state of a key, and whether it is new. One that was found before with as many faults, but in more steps,
// and is not expanded yet, gets the shorter way; then it is closer.
func (s *store) add(key []byte, r record) (id state, fresh, closer bool) {
	f := fingerprintOf(key)
	sh := &s.shards[f.a&(shards-1)]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	k := sh.slot(f)
	if id := sh.states[k]; id != none {
		if id&(shards-1) != state(f.a&(shards-1)) {
			return id, false, false // an alias
		}
		old := &sh.records[id>>shardBits]
		if old.faults == r.faults && old.depth > r.depth && old.flags&expanded == 0 {
			old.depth, old.parent = r.depth, r.parent
			return id, false, true
		}
		return id, false, false
	}
	id = state(len(sh.records))<<shardBits | state(f.a&(shards-1))
	if n := len(sh.arena); n == 0 || len(sh.arena[n-1])+len(key) > chunk {
		sh.arena = append(sh.arena, make([]byte, 0, chunk))
	}
	n := len(sh.arena) - 1
	r.at, r.size = uint32(n)*chunk+uint32(len(sh.arena[n])), uint16(len(key))
	sh.arena[n] = append(sh.arena[n], key...)
	sh.records = append(sh.records, r)
	sh.keep(f, id, k)
	s.total.Add(1)
	return id, true, false
}

// keep notes a fingerprint in its slot.
func (s *shard) keep(f fingerprint, id state, slot int) {
	s.prints[slot], s.states[slot] = f, id
	if s.used++; s.used*4 > len(s.states)*3 {
		s.grow(2 * len(s.states))
	}
}

// alias makes another key mean the same state, unless it means one already.
func (s *store) alias(key []byte, id state) {
	f := fingerprintOf(key)
	sh := &s.shards[f.a&(shards-1)]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if k := sh.slot(f); sh.states[k] == none {
		sh.keep(f, id, k)
	}
}

// visit marks a state as expanded and returns its record and key; fresh is false where it was, or where its depth is no
// longer the given one.
func (s *store) visit(id state, depth uint16) (r record, key []byte, fresh bool) {
	sh := &s.shards[id&(shards-1)]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	p := &sh.records[id>>shardBits]
	if p.flags&expanded != 0 || p.depth != depth {
		return *p, nil, false
	}
	p.flags |= expanded
	return *p, sh.key(*p), true
}

func (s *shard) key(r record) []byte {
	from := r.at & (chunk - 1)
	return s.arena[r.at/chunk][from : from+uint32(r.size)]
}

// get returns the record and key of a state.
func (s *store) get(id state) (record, []byte) {
	sh := &s.shards[id&(shards-1)]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	r := sh.records[id>>shardBits]
	return r, sh.key(r)
}

func (s *store) flag(id state, flags uint8) {
	sh := &s.shards[id&(shards-1)]
	sh.mu.Lock()
	sh.records[id>>shardBits].flags |= flags
	sh.mu.Unlock()
}
