package check

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
)

// ledger is the provider's, by order. A close has no reference, only the key of what it closes.
type ledger struct {
	lines   int64
	byOrder map[ID][]*Entry
	closes  map[string]*Entry
	strange []*Entry // of no order
	sum     hash.Hash
	mark    int64  // lines of the baseline
	then    string // what the digest was then
}

func newLedger(b *Baseline) *ledger {
	l := &ledger{byOrder: map[ID][]*Entry{}, closes: map[string]*Entry{}, sum: sha256.New(), mark: -1}
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
		b.closes[e.Key] = e
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

// checkCloses returns the keys of the order's operations that were closed at the provider. Who closes undoes.
func (l *life) checkCloses(closes map[string]*Entry) (keys []string) {
	for _, s := range []int{stepAuthorize, stepCapture} {
		command := l.first[steps[s].do]
		if command == nil {
			continue
		}
		e := closes[command.id.String()]
		if e == nil {
			continue
		}
		keys = append(keys, e.Key)
		if l.first[steps[s].undo] == nil {
			l.violates(Effect, "%s closes %s, but its undo was never asked for", e, command)
		}
		if said := l.first[steps[s].done]; said != nil && said.words().Amount.Minor > 0 {
			l.violates(Effect, "%s, but the provider had closed its key: %s", said, e)
		}
		l.closes = append(l.closes, e)
	}
	return keys
}
