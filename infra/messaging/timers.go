package messaging

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// stallAfter is how long a partition may make no progress before that time is taken off its deadlines.
	stallAfter  = 3 * time.Second
	storeSeen   = time.Second
	listTimeout = 2 * time.Second
)

// mark is an end of the log, on every topic of a partition, that was read after at.
type mark struct {
	at   time.Time
	ends map[place]int64
}

// deadlines is what a worker must know before it may fire deadlines of a partition: that everything which was in the log
// when they passed is decided, and how long nothing could be known.
type deadlines struct {
	places map[int32][]*position
	seen   map[int32]time.Time // when the partition's whole log was last known to be readable; absent: never
	marks  map[int32]mark      // not yet reached
	until  map[int32]time.Time // the at of the last mark that was reached
	ticked time.Time
	stored time.Time // when seen was
}

func newDeadlines(positions map[place]*position) *deadlines {
	d := &deadlines{
		places: map[int32][]*position{}, seen: map[int32]time.Time{}, marks: map[int32]mark{}, until: map[int32]time.Time{},
	}
	for _, p := range positions {
		d.places[p.partition] = append(d.places[p.partition], p)
		if p.seen.After(d.seen[p.partition]) {
			d.seen[p.partition] = p.seen
		}
	}
	return d
}

// stalled tells whether some partition made no progress for too long.
func (d *deadlines) stalled(now time.Time) bool {
	for p := range d.places {
		if seen := d.seen[p]; !seen.IsZero() && now.Sub(seen) > stallAfter {
			return true
		}
	}
	return false
}

// reach notices which marks the positions have come to.
func (d *deadlines) reach() {
	for number, m := range d.marks {
		reached := true
		for _, p := range d.places[number] {
			reached = reached && p.next >= m.ends[p.place]
		}
		if reached {
			d.until[number] = m.at
			delete(d.marks, number)
		}
	}
}

// tick looks at deadlines, every TimerTick: after the batch's messages.
func (w *worker[S]) tick(ctx context.Context) {
	d := w.deadlines
	if w.m.timed == nil || len(w.positions) == 0 || time.Since(d.ticked) < w.m.cfg.TimerTick {
		return
	}
	d.ticked = time.Now()
	d.reach()
	if err := w.look(ctx); err != nil {
		w.log.WarnContext(ctx, "could not read the ends of the log; no deadline is fired", "error", err)
	}
	d.reach()
	if len(d.until) == 0 {
		return
	}
	err := w.fire(context.WithoutCancel(ctx))
	switch {
	case errors.Is(err, errLost):
		w.abandon(ctx, err)
	case err != nil:
		w.log.WarnContext(ctx, "could not fire deadlines; trying again", "error", err)
	}
}

// settle takes a gap off the deadlines before messages that come after it set new ones.
func (w *worker[S]) settle(ctx context.Context) {
	if w.m.timed == nil || !w.deadlines.stalled(time.Now()) {
		return
	}
	if err := w.look(ctx); err != nil {
		w.log.WarnContext(ctx, "could not take a gap off the deadlines yet", "error", err)
	}
}

// look reads the ends of the log, which also shows which partitions make progress: their leaders answer and the database
// takes note. Where they made none for too long, that time does not count.
func (w *worker[S]) look(ctx context.Context) error {
	d, now := w.deadlines, w.m.now()
	ends, err := w.endOffsets(ctx)
	if err != nil {
		return err
	}
	var readable []int32
	gaps := make(map[int32]time.Duration)
	for number, places := range d.places {
		m := mark{at: now, ends: make(map[place]int64, len(places))}
		for _, p := range places {
			if end, ok := ends[p.place]; ok && p.paused == "" {
				m.ends[p.place] = end
			}
		}
		if len(m.ends) < len(places) {
			continue
		}
		readable = append(readable, number)
		if seen := d.seen[number]; !seen.IsZero() && now.Sub(seen) > stallAfter {
			gaps[number] = now.Sub(seen)
		}
		if _, pending := d.marks[number]; !pending {
			d.marks[number] = m
		}
	}
	if len(gaps) > 0 || now.Sub(d.stored) >= storeSeen {
		if err := w.storeSeen(ctx, readable, now, gaps); err != nil {
			clear(d.marks) // a gap that was not taken off must not be followed by a deadline
			clear(d.until)
			return err
		}
		d.stored = now
	}
	for _, number := range readable {
		d.seen[number] = now
	}
	return nil
}

// storeSeen persists how far progress is known, and defers deadlines by the gaps in the same transaction.
func (w *worker[S]) storeSeen(ctx context.Context, partitions []int32, now time.Time, gaps map[int32]time.Duration) error {
	want := 0
	for _, number := range partitions {
		want += len(w.deadlines.places[number])
	}
	first := &pgx.Batch{}
	first.Queue(sqlSeen, w.m.cfg.Service, w.owner, partitions, now).Exec(allHit(want))
	return inTransaction(ctx, w.m.deps.Pool, first, func(tx pgx.Tx) (*pgx.Batch, error) {
		for number, gap := range gaps {
			w.log.InfoContext(ctx, "no progress for a while: deadlines are deferred", "partition", number, "gap", gap)
			if err := w.m.timed.Defer(ctx, tx, number, gap); err != nil {
				return nil, fmt.Errorf("defer deadlines: %w", err)
			}
		}
		return &pgx.Batch{}, nil
	})
}

// endOffsets returns the end of every assigned place whose leader answered: what a reader of committed records can reach.
func (w *worker[S]) endOffsets(ctx context.Context) (map[place]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	req.IsolationLevel = 1 // committed
	for _, topic := range w.m.cfg.Topics {
		t := kmsg.NewListOffsetsRequestTopic()
		t.Topic = w.m.cfg.TopicPrefix + topic
		for number := range w.deadlines.places {
			p := kmsg.NewListOffsetsRequestTopicPartition()
			p.Partition, p.Timestamp, p.CurrentLeaderEpoch = number, -1, -1
			t.Partitions = append(t.Partitions, p)
		}
		req.Topics = append(req.Topics, t)
	}
	ends := make(map[place]int64, len(w.positions))
	var failed error
	for _, shard := range w.client.RequestSharded(ctx, req) {
		resp, ok := shard.Resp.(*kmsg.ListOffsetsResponse)
		if shard.Err != nil || !ok {
			failed = errors.Join(failed, shard.Err)
			continue
		}
		for i := range resp.Topics {
			t := &resp.Topics[i]
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					failed = errors.Join(failed, err)
					continue
				}
				ends[place{t.Topic[len(w.m.cfg.TopicPrefix):], p.Partition}] = p.Offset
			}
		}
	}
	if len(ends) == 0 && failed != nil {
		return nil, fmt.Errorf("list end offsets: %w", failed)
	}
	return ends, nil
}
