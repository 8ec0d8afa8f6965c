package check

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// lane is one partition number: the orders that live in it.
type lane struct {
	*judge
	*tally
	number int32
	read   decoder
	lives  map[ID]*life
	chains [topicCount]chain
	since  map[ID]place // records beyond the baseline, of orders that it knows: one of each
}

// lane reads and judges one partition number.
func (j *judge) lane(ctx context.Context, number int32) (*tally, error) {
	n := &lane{judge: j, tally: newTally(j.declared), number: number, lives: map[ID]*life{}, since: map[ID]place{}}
	for t := range n.chains {
		n.chains[t].mark = j.options.Baseline.mark(topic(t), number)
	}
	const report = 5000
	err := j.source.Records(ctx, number, j.rest, func(r *Record) error {
		n.see(r)
		if n.records++; n.records%report == 0 && j.options.Progress != nil {
			j.options.Progress(j.done.Add(report), j.total)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if j.options.Progress != nil {
		j.options.Progress(j.done.Add(n.records%report), j.total)
	}
	n.closeChains()
	ids := slices.SortedFunc(maps.Keys(n.lives), func(a, b ID) int { return slices.Compare(a[:], b[:]) })
	n.seen = ids
	for chunk := range slices.Chunk(ids, rowsAtOnce) {
		rows, err := j.source.Rows(ctx, chunk)
		if err != nil {
			return nil, err
		}
		for _, id := range chunk {
			n.judgeLife(n.lives[id], rows[id])
			delete(n.lives, id)
		}
	}
	return n.tally, nil
}

// see takes one record.
func (n *lane) see(r *Record) {
	m, err := n.read.read(r)
	if err != nil {
		n.malformed(r, m, err)
	}
	id, ok := ParseID(r.Key)
	if t, known := topicOf(r.Topic); known {
		n.chains[t].add(r, m)
		if b := n.options.Baseline; ok && b != nil && r.Offset >= n.chains[t].mark.End && b.knows(id) && !n.open[id] {
			if _, told := n.since[id]; !told {
				n.since[id] = place{t, r.Partition, r.Offset}
			}
		}
	}
	if m == nil {
		return
	}
	l := n.lives[id]
	if l == nil {
		l = &life{id: id, name: r.Key, found: n.found}
		n.lives[id] = l
	}
	if l.hear(m) {
		n.repeats++
	}
}

// malformed reports what is wrong with a record, unless somebody set it aside, which alerts.
func (n *lane) malformed(r *Record, m *message, err error) {
	where := fmt.Sprintf("%s/%d@%d", r.Topic, r.Partition, r.Offset)
	t, known := topicOf(r.Topic)
	letter, aside := n.aside[place{t, r.Partition, r.Offset}]
	if m == nil && known && aside && letter.Reason != "behind" {
		n.found.excuse(r.Key, "a malformed record is a dead letter of "+letter.Group, where+", "+letter.Reason)
		return
	}
	order := r.Key
	if _, ok := ParseID(r.Key); !ok {
		order = ""
	}
	n.found.add(Wire, order, "%s: %v", where, err)
}

// judgeLife judges one order, of which everything is known now.
func (n *lane) judgeLife(l *life, rows *Rows) {
	if l.rows = rows; rows == nil {
		l.rows = &Rows{}
	}
	l.entries, l.letters, l.heads = slices.Clip(n.ledger.byOrder[l.id]), n.judge.letters[l.id], n.judge.heads[l.id]
	l.storms = n.shared.Storms
	l.listen()
	if l.first[orderPlaced] != nil {
		n.placed = append(n.placed, l.id)
	}
	if l.rows.Order != nil && n.refused[l.rows.Order.Key] {
		l.violates(I8, "it was placed, but its customer was refused (Idempotency-Key %s)", l.rows.Order.Key)
	}
	l.checkEvents()
	l.checkCommands()
	n.closes = append(n.closes, l.takeCloses(n.ledger.closes)...)
	l.checkMoney()
	l.checkGoods(n.shelf)
	l.checkDispatchRefusal(n.shelf)
	l.checkOutcome(n.outcomes)
	l.checkOrderRow()
	l.checkOperations()
	l.checkInstance()
	l.checkHistory()
	l.checkFences()
	l.checkLetters()
	l.checkOvertaking()
	n.remember(l)
}
