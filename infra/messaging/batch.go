package messaging

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
)

// item is one record of a batch.
type item struct {
	p   *position
	rec *kgo.Record
	msg Message
	// What is known before the database is asked: a message to decide, one to count and skip, or a dead letter.
	fate   outcome // handled, skipped or dead
	reason reason  // of dead
	err    error   // of dead
	tries  int     // transactions with it that failed
	at     int     // its place in the batch
}

// process commits a batch, in as many transactions as its messages force it to. It returns nil when every message was
// handled or set aside; errLost, errRebalance or ctx's error when the rest must be read again from the positions.
func (w *worker[S]) process(ctx context.Context, items []item) error {
	if len(items) == 0 {
		return nil
	}
	conflicts := 0
	for failures := 0; ; failures++ {
		w.settle(ctx)
		// Once begun, a transaction is finished: a shutdown does not cut it off.
		err := w.attempt(context.WithoutCancel(ctx), items)
		if err == nil || errors.Is(err, errLost) {
			return err
		}
		for i := range items {
			items[i].tries++
		}
		verdict := verdictOn(err)
		if verdict == contended {
			conflicts++
		}
		if verdict == poison || conflicts > patientConflicts {
			at := culprit(items, err)
			if at < 0 && len(items) > 1 {
				w.log.WarnContext(ctx, "a message of this batch cannot be saved; looking for it", "messages", len(items), "error", err)
				first, rest := halve(items)
				if err := w.process(ctx, first); err != nil {
					return err
				}
				return w.process(ctx, rest)
			}
			if at = max(at, 0); items[at].fate == handled {
				items[at].fate, items[at].reason, items[at].err = dead, reasonPoison, err
				continue
			}
		}
		w.m.metrics.retries.WithLabelValues("batch").Inc()
		level := slog.LevelWarn
		if verdict == fatal {
			level = slog.LevelError
		}
		w.log.Log(ctx, level, "transaction failed; trying again", "messages", len(items), "failures", failures+1, "error", err)
		if err := w.wait(ctx, failures); err != nil {
			return err
		}
	}
}

// attempt is one transaction over the items.
func (w *worker[S]) attempt(ctx context.Context, items []item) error {
	start := time.Now()
	moves := movesOf(items)
	letters := newLetters(w.m.cfg.Service, w.m.superseder)
	first := &pgx.Batch{}
	queueMoves(first, w.m.cfg.Service, w.owner, moves)
	if w.headed {
		letters.queueLock(first, items)
	}
	w.m.metrics.batch.Observe(float64(len(items)))

	var state S
	var any bool
	var sent int
	counts := make(tally, 4)
	err := inTransaction(ctx, w.m.deps.Pool, first, func(tx pgx.Tx) (*pgx.Batch, error) {
		if err := letters.load(ctx, tx, items); err != nil {
			return nil, err
		}
		live := letters.triage(items, counts)
		last := &pgx.Batch{}
		if any = len(live) > 0; any {
			var out []Message
			var err error
			if state, out, err = w.decideAll(ctx, tx, items, live, letters, counts); err != nil {
				return nil, err
			}
			sent = w.m.queueOutbox(last, out)
		}
		copies, err := letters.queueSave(last, w.m.now())
		w.m.queueNotify(last, copies)
		sent += copies
		return last, err
	})
	if err != nil {
		return err
	}
	w.m.metrics.duration.WithLabelValues("batch").Observe(time.Since(start).Seconds())
	for _, m := range moves {
		m.p.next, m.p.epoch = m.next, m.epoch
	}
	w.checked = start
	w.m.wake(sent)
	if any {
		w.m.handler.Committed(state)
	}
	w.m.metrics.count(counts)
	if letters.announce(ctx, w.log, w.m.metrics) {
		w.headed = true
	}
	return nil
}

// decideAll is the middle of a batch: load, decide in log order, save. live are the indexes of the items to decide.
func (w *worker[S]) decideAll(ctx context.Context, tx pgx.Tx, items []item, live []int, letters *letters, counts tally) (s S, out []Message, err error) {
	in := make([]Message, len(live))
	for i, n := range live {
		in[i] = items[n].msg
	}
	m := w.m
	if s, err = m.load(ctx, tx, in); err != nil {
		return s, nil, err
	}
	now := m.now()
	for i := range in {
		it := &items[live[i]]
		if letters.divert(it, counts) {
			continue
		}
		sent, err := m.decide(s, &in[i], now)
		var refused decideError
		switch {
		case errors.As(err, &refused):
			letters.add(it, reasonUndecidable, refused.error)
			counts.add(it.p.topic, dead)
		case err != nil:
			return s, nil, err
		default:
			counts.add(it.p.topic, handled)
			out = append(out, sent...)
		}
	}
	return s, out, m.save(ctx, tx, s)
}

// read turns what was polled into a batch: records below their position were read before and are dropped, as is what
// belongs to a partition that is not this worker's or stopped. Payloads are decoded here, once.
func (w *worker[S]) read(fetches kgo.Fetches) []item {
	n := fetches.NumRecords()
	if n == 0 || len(w.positions) == 0 {
		return nil
	}
	items := make([]item, 0, n)
	counts := make(tally)
	fetches.EachPartition(func(ftp kgo.FetchTopicPartition) {
		// An error has no topic.
		p := w.positions[place{strings.TrimPrefix(ftp.Topic, w.m.cfg.TopicPrefix), ftp.Partition}]
		if p == nil || p.paused != "" {
			return
		}
		next, epoch := p.next, p.epoch
		for _, r := range ftp.Records {
			if r.Offset < next {
				counts.add(p.topic, stale)
				continue
			}
			if r.LeaderEpoch >= 0 && r.LeaderEpoch < epoch {
				w.pause(context.Background(), p.place, "the leader epoch went back: the log is not the one that was read")
				return
			}
			next, epoch = r.Offset+1, max(epoch, r.LeaderEpoch)
			it := w.m.readRecord(p, r)
			if _, closed := p.closed[r.Offset]; closed {
				it.fate = skipped
			}
			items = append(items, it)
		}
	})
	w.m.metrics.count(counts)
	return items
}

func movesOf(items []item) []move {
	moves := make([]move, 0, 8)
	at := make(map[*position]int, 8)
	for i := range items {
		it := &items[i]
		n, ok := at[it.p]
		if !ok {
			n = len(moves)
			at[it.p] = n
			moves = append(moves, move{p: it.p, epoch: it.p.epoch})
		}
		moves[n].next = it.rec.Offset + 1
		moves[n].epoch = max(moves[n].epoch, it.rec.LeaderEpoch)
	}
	return moves
}

// queueOutbox stores what is going out as part of b, and returns how many that is.
func (m *Machine[S]) queueOutbox(b *pgx.Batch, out []Message) int {
	if len(out) > 0 {
		b.Queue(insertOutboxSQL, outboxArgs(out)...)
		m.queueNotify(b, len(out))
	}
	return len(out)
}

// queueNotify tells the relay of another process of so many messages as part of b.
func (m *Machine[S]) queueNotify(b *pgx.Batch, sent int) {
	if sent > 0 && m.relay != nil && !m.relay.leading() {
		b.Queue(notifySQL)
	}
}
