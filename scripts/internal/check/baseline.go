package check

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
	"slices"
)

// Baseline is how everything was at an earlier time, at rest. What a rewind of any consumer may do afterwards is nothing
// (I10): no record and no call at the provider is of an order that the baseline knows as ended, and its rows are as they
// were. Orders that were placed later are none of its business, so load may go on.
type Baseline struct {
	Topics map[string][]Mark `json:"topics"` // by partition
	Ledger Mark              `json:"ledger"`
	Open   []ID              `json:"open"`   // orders that had not ended: they may go on
	Orders map[ID]string     `json:"orders"` // a digest of the rows of each
}

// Mark is how far something went, and a digest of all of it.
type Mark struct {
	End  int64  `json:"end"`
	Hash string `json:"hash"`
}

func newBaseline() *Baseline {
	b := &Baseline{Topics: map[string][]Mark{}, Open: []ID{}, Orders: map[ID]string{}}
	for _, name := range Topics() {
		b.Topics[name] = make([]Mark, Partitions)
	}
	return b
}

func (b *Baseline) merge(other *Baseline) {
	for name, marks := range other.Topics {
		for n, m := range marks {
			if m.Hash != "" {
				b.Topics[name][n] = m
			}
		}
	}
	b.Open = append(b.Open, other.Open...)
	for id, digest := range other.Orders {
		b.Orders[id] = digest
	}
}

// mark is nothing where there is no baseline.
func (b *Baseline) mark(t topic, partition int32) Mark {
	if b == nil || int(partition) >= len(b.Topics[topicNames[t]]) {
		return Mark{}
	}
	return b.Topics[topicNames[t]][partition]
}

func (b *Baseline) knows(id ID) bool {
	_, ok := b.Orders[id]
	return ok
}

// chain digests the records of one partition, in their order.
type chain struct {
	sum  hash.Hash
	mark Mark   // of the baseline
	then string // what the digest was at the mark's end
}

func (c *chain) add(r *Record, m *message) {
	if c.sum == nil {
		c.sum = sha256.New()
	}
	if r.Offset >= c.mark.End && c.then == "" {
		c.then = c.digest()
	}
	if m != nil {
		c.sum.Write(m.hash[:])
		return
	}
	whole, err := json.Marshal(r)
	if err == nil {
		c.sum.Write(whole)
	}
}

func (c *chain) digest() string {
	if c.sum == nil {
		return "empty"
	}
	return hex.EncodeToString(c.sum.Sum(nil)[:16])
}

// closeChains takes the digests, and compares them with the baseline's.
func (n *lane) closeChains() {
	for t := range n.chains {
		c := &n.chains[t]
		name := topicNames[t]
		end := n.rest.Ends[name][n.number]
		n.baseline.Topics[name][n.number] = Mark{End: end, Hash: c.digest()}
		if n.options.Baseline == nil {
			continue
		}
		if c.then == "" {
			c.then = c.digest()
		}
		if c.mark.End > end || c.mark.Hash != c.then {
			n.found.add(I10, "", "%s/%d up to %d is not what it was at the baseline", name, n.number, c.mark.End)
		}
	}
}

// remember digests an order's rows, and compares them with the baseline's.
func (n *lane) remember(l *life) {
	b := n.options.Baseline
	if !n.options.Digest && b == nil {
		return
	}
	digest := l.rows.digest()
	n.baseline.Orders[l.id] = digest
	if l.end() == nil {
		n.baseline.Open = append(n.baseline.Open, l.id)
	}
	if b == nil || !b.knows(l.id) || n.open[l.id] {
		return
	}
	if at, sent := n.since[l.id]; sent {
		l.violates(I10, "it had ended at the baseline, but since then something was sent: %s", at)
	}
	if b.Orders[l.id] != digest {
		l.violates(I10, "it had ended at the baseline, but its rows are no longer what they were")
	}
	for _, e := range l.entries {
		if e.line > b.Ledger.End {
			l.violates(I10, "it had ended at the baseline, but since then the provider was called: %s", e)
		}
	}
}

// digest is of all rows, in an order of their own.
func (r *Rows) digest() string {
	slices.SortFunc(r.Fence, func(a, b FenceRow) int {
		return compareText(a.Database, b.Database, a.Operation, b.Operation, spell(a.Undo), spell(b.Undo))
	})
	slices.SortFunc(r.Operations, func(a, b OperationRow) int { return compareText(a.Kind, b.Kind) })
	slices.SortFunc(r.History, func(a, b HistoryRow) int { return slices.Compare(a.Input[:], b.Input[:]) })
	whole, err := json.Marshal(r)
	if err != nil { // numbers, texts and times always marshal
		return err.Error()
	}
	sum := sha256.Sum256(whole)
	return hex.EncodeToString(sum[:12])
}

// compareText compares pairs, until one differs.
func compareText(pairs ...string) int {
	for i := 0; i+1 < len(pairs); i += 2 {
		switch {
		case pairs[i] < pairs[i+1]:
			return -1
		case pairs[i] > pairs[i+1]:
			return 1
		}
	}
	return 0
}

func spell(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

// compareBaseline finds orders of the baseline that are gone, and a ledger that is another.
func (j *judge) compareBaseline(sum *tally) {
	b := j.options.Baseline
	if b == nil {
		return
	}
	for id := range b.Orders {
		if !sum.baseline.knows(id) {
			sum.found.add(I10, id.String(), "the baseline knows it, but no message speaks of it any more")
		}
	}
	if b.Ledger.End > j.ledger.lines || b.Ledger.Hash != j.ledger.then {
		sum.found.add(I10, "", "the first %d lines of the ledger are not what they were at the baseline", b.Ledger.End)
	}
}
