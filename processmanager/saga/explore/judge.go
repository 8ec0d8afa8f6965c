package explore

// judge tells whether from every state of the level an end can be reached by what happens by itself, without another fault
// and without anybody's choice. What it finds is the nearest state from which none can.
func (s *search[D]) judge() {
	for again := true; again; {
		again = false
		for _, e := range s.workers {
			before := len(e.edges)
			e.edges = s.settle(e.edges)
			again = again || len(e.edges) < before
		}
	}
	for _, e := range s.workers {
		for at := len(e.edges); at > 0; {
			id, first := unpack(e.edges, at)
			at = first
			if r, _ := s.store.get(id); s.found == nil || int(r.depth) < s.found.depth {
				s.found = &find{
					problem: "from here no end is reachable, whatever happens by itself", from: id, depth: int(r.depth), faults: s.faults,
				}
			}
		}
		e.edges = e.edges[:0]
	}
}

// settle marks the states that lead to one from which an end can be reached, latest first, and returns the edges of the
// others, in the same order.
func (s *search[D]) settle(edges []state) []state {
	keep := len(edges)
	for at := len(edges); at > 0; {
		id, first := unpack(edges, at)
		r := s.store.record(id)
		for _, to := range edges[first : at-2] {
			if r.flags&reaches != 0 {
				break
			}
			r.flags |= s.store.record(to).flags & reaches
		}
		if r.flags&reaches == 0 {
			keep -= at - first
			copy(edges[keep:], edges[first:at])
		}
		at = first
	}
	return append(edges[:0], edges[keep:]...)
}

// unpack reads the edges of the state that ends at at, and returns where they begin.
func unpack(edges []state, at int) (id state, first int) {
	return edges[at-1], at - 2 - int(edges[at-2])
}

// record is for one goroutine alone.
func (s *store) record(id state) *record {
	return &s.shards[id&(shards-1)].records[id>>shardBits]
}
