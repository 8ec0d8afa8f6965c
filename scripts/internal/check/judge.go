package check

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// Options of Judge.
type Options struct {
	Inputs   Inputs
	Baseline *Baseline               // an earlier verdict's: what came since must not be about its orders (I10)
	Digest   bool                    // make a Baseline of this one
	Parallel int                     // partition numbers at a time; default 2
	Progress func(done, total int64) // records, called now and then from several goroutines; may be nil
}

// rowsAtOnce is for how many orders rows are asked for at a time.
const rowsAtOnce = 1000

// judge is what all lanes share. Only the counters change.
type judge struct {
	source   Source
	options  Options
	rest     Rest
	shared   *Shared
	ledger   *ledger
	declared map[string]*declared
	letters  map[ID][]Letter
	heads    map[ID][]string
	aside    map[place]Letter // of any group
	refused  map[string]bool
	open     map[ID]bool // in the baseline
	total    int64
	done     atomic.Int64
}

// tally is what lanes come to, added up.
type tally struct {
	found    *findings
	shelf    *shelf
	outcomes map[string]int
	records  int64
	repeats  int64
	seen     []ID     // orders that there are messages of
	placed   []ID     // of these, those with an OrderPlaced
	closes   []string // keys of closes that belong to an order
	baseline *Baseline
}

func newTally(d map[string]*declared) *tally {
	return &tally{found: newFindings(), shelf: newShelf(d), outcomes: map[string]int{}, baseline: newBaseline()}
}

func (t *tally) merge(other *tally) {
	t.found.merge(other.found)
	t.shelf.merge(other.shelf)
	for k, n := range other.outcomes {
		t.outcomes[k] += n
	}
	t.records += other.records
	t.repeats += other.repeats
	t.seen = append(t.seen, other.seen...)
	t.placed = append(t.placed, other.placed...)
	t.closes = append(t.closes, other.closes...)
	t.baseline.merge(other.baseline)
}

// Judge derives and compares everything. An error is no verdict: ErrNotAtRest, ErrTruncated, or of the source.
func Judge(ctx context.Context, source Source, o Options) (*Verdict, error) {
	j := &judge{source: source, options: o}
	if err := j.prepare(ctx); err != nil {
		return nil, err
	}
	sum, err := j.lanes(ctx)
	if err != nil {
		return nil, err
	}
	if err := j.leftovers(ctx, sum); err != nil {
		return nil, err
	}
	after, err := source.Rest(ctx)
	if err != nil {
		return nil, err
	}
	if !j.rest.same(after) {
		return nil, fmt.Errorf("%w: the log grew while it was read", ErrNotAtRest)
	}
	sum.shelf.check(j.shared, sum.found)
	v := &Verdict{
		Orders: len(sum.placed), Outcomes: sum.outcomes, Records: sum.records, Repeats: sum.repeats, Ledger: j.ledger.lines,
	}
	sum.baseline.Ledger = Mark{End: j.ledger.lines, Hash: j.ledger.hash()}
	j.compareBaseline(sum)
	sum.found.into(v)
	if o.Digest {
		v.Baseline = sum.baseline
	}
	return v, nil
}

// prepare reads what is no single partition's.
func (j *judge) prepare(ctx context.Context) (err error) {
	if j.rest, err = j.source.Rest(ctx); err != nil {
		return err
	}
	if err := j.rest.settled(); err != nil {
		return err
	}
	if j.shared, err = j.source.Shared(ctx); err != nil {
		return err
	}
	j.ledger = newLedger(j.options.Baseline)
	if err := j.source.Ledger(ctx, j.ledger.take); err != nil {
		return err
	}
	j.total = j.rest.records()
	j.declared = j.options.Inputs.byName()
	j.letters, j.heads, j.aside = map[ID][]Letter{}, map[ID][]string{}, map[place]Letter{}
	for _, x := range j.shared.Letters {
		if t, ok := topicOf(x.Topic); ok {
			j.aside[place{t, x.Partition, x.Offset}] = x
		}
		if x.Subject != nil {
			j.letters[*x.Subject] = append(j.letters[*x.Subject], x)
		}
	}
	for _, h := range j.shared.Heads {
		j.heads[h.Subject] = append(j.heads[h.Subject], h.Group)
	}
	j.refused, j.open = map[string]bool{}, map[ID]bool{}
	for _, key := range j.options.Inputs.Refused {
		j.refused[key] = true
	}
	if b := j.options.Baseline; b != nil {
		for _, id := range b.Open {
			j.open[id] = true
		}
	}
	return nil
}

// lanes judges all partition numbers, a few at a time.
func (j *judge) lanes(ctx context.Context) (*tally, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sum := newTally(j.declared)
	var mu sync.Mutex
	var errs []error
	var work sync.WaitGroup
	var next atomic.Int32
	for range min(max(j.options.Parallel, 1), Partitions) {
		work.Go(func() {
			for n := next.Add(1) - 1; n < Partitions && ctx.Err() == nil; n = next.Add(1) - 1 {
				t, err := j.lane(ctx, n)
				mu.Lock()
				if err != nil {
					errs = append(errs, err)
					cancel()
				} else {
					sum.merge(t)
				}
				mu.Unlock()
			}
		})
	}
	work.Wait()
	return sum, errors.Join(errs...)
}

// leftovers finds effects of orders that no message speaks of, and answers to customers that led to nothing.
func (j *judge) leftovers(ctx context.Context, sum *tally) error {
	seen, placed := setOf(sum.seen), setOf(sum.placed)
	err := j.source.Subjects(ctx, func(table string, id ID) error {
		if !seen[id] {
			sum.found.add(Effect, id.String(), "%s has it, but no message speaks of it", table)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for id, entries := range j.ledger.byOrder {
		if !seen[id] {
			sum.found.add(Effect, id.String(), "%s, but no message speaks of the order", entries[0])
		}
	}
	for _, e := range j.ledger.strange {
		sum.found.add(Effect, "", "%s is for %q, which is no order", e, e.Reference)
	}
	for _, key := range sum.closes {
		delete(j.ledger.closes, key)
	}
	for key, entries := range j.ledger.closes {
		sum.found.add(Effect, "", "%s closes the key %s, which is no order's", entries[0], key)
	}
	for _, id := range j.options.Inputs.Accepted {
		if !placed[id] {
			sum.found.add(I8, id.String(), "its customer was answered 202, but it was never placed")
		}
	}
	for id := range j.letters {
		if !seen[id] {
			sum.found.add(Effect, id.String(), "it has dead letters, but no message speaks of it")
		}
	}
	return nil
}

func setOf(ids []ID) map[ID]bool {
	m := make(map[ID]bool, len(ids))
	for _, id := range ids {
		m[id] = true
	}
	return m
}
