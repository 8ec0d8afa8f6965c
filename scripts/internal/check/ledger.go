package check

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"slices"
)

// ledger is the provider's, by order. A close has no reference, only the key of what it closes. A key that was forgotten may
// be closed again.
type ledger struct {
	lines   int64
	byOrder map[ID][]*Entry
	closes  map[string][]*Entry
	strange []*Entry // of no order
	sum     hash.Hash
	mark    int64  // lines of the baseline
	then    string // what the digest was then
}

func newLedger(b *Baseline) *ledger {
	l := &ledger{byOrder: map[ID][]*Entry{}, closes: map[string][]*Entry{}, sum: sha256.New(), mark: -1}
	if b != nil {
		l.mark = b.Ledger.End
	}
	l.noteMark()
	return l
}

// take reads a line.
func (b *ledger) take(line []byte) error {
	b.lines++
	b.sum.Write(line)
	b.noteMark()
	e := &Entry{line: b.lines}
	if err := json.Unmarshal(line, e); err != nil {
		return fmt.Errorf("line %d of the ledger: %w", b.lines, err)
	}
	if e.Operation == "close" {
		b.closes[e.Key] = append(b.closes[e.Key], e)
		return nil
	}
	order, ok := ParseID(e.Reference)
	if !ok {
		b.strange = append(b.strange, e)
		return nil
	}
	b.byOrder[order] = append(b.byOrder[order], e)
	return nil
}

func (b *ledger) noteMark() {
	if b.lines == b.mark {
		b.then = b.hash()
	}
}

func (b *ledger) hash() string { return hex.EncodeToString(b.sum.Sum(nil)[:16]) }

// takeCloses adds to the order's entries those that close the keys of its operations, and returns these keys.
func (l *life) takeCloses(closes map[string][]*Entry) (keys []string) {
	for _, s := range []int{stepAuthorize, stepCapture} {
		command := l.first[steps[s].do]
		if command == nil {
			continue
		}
		if found := closes[command.id.String()]; len(found) > 0 {
			keys = append(keys, found[0].Key)
			l.entries = append(l.entries, found...)
		}
	}
	if len(keys) > 0 {
		slices.SortFunc(l.entries, func(a, b *Entry) int { return cmp.Compare(a.line, b.line) })
	}
	return keys
}
