package archiver

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"ordersaga.internal/services/archive/internal/chain"
	"ordersaga.internal/services/archive/internal/store"
)

// archive commits what a poll brought. It returns nil when all of it is archived; store.ErrLost, errRebalance or ctx's
// error when it must be read again from the positions.
func (c *consumer) archive(ctx context.Context, fetches kgo.Fetches) error {
	batch := c.read(fetches)
	if len(batch.Moves) == 0 {
		return nil
	}
	for failures := 0; ; failures++ {
		begin := time.Now()
		// Once begun, a transaction is finished: a shutdown does not cut it off.
		err := c.attempt(context.WithoutCancel(ctx), batch)
		if err == nil {
			c.done(batch, time.Since(begin))
			return nil
		}
		if errors.Is(err, store.ErrLost) {
			return err
		}
		c.a.metrics.retries.Inc()
		c.days = nil // retention may have taken one meanwhile
		c.log.WarnContext(ctx, "transaction failed; trying again", "records", len(batch.Rows), "failures", failures+1, "error", err)
		if err := wait(ctx, failures, c.wanted); err != nil {
			return err
		}
	}
}

func (c *consumer) attempt(ctx context.Context, batch *store.Batch) error {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	if err := c.makeDays(ctx, batch.Rows); err != nil {
		return err
	}
	return store.Save(ctx, c.a.deps.Pool, c.owner, batch)
}

// makeDays makes the partitions of the rows' days, where they are not known to be there: of a late record, or of the
// first one after a start.
func (c *consumer) makeDays(ctx context.Context, rows []store.Row) error {
	missing := map[time.Time]bool{}
	var last time.Time // the same one, mostly
	for i := range rows {
		if day := store.Day(rows[i].AppendedAt); !day.Equal(last) {
			last = day
			if !c.days[day] {
				missing[day] = true
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	days := slices.SortedFunc(maps.Keys(missing), time.Time.Compare)
	if err := store.MakeDays(ctx, c.a.deps.Pool, days); err != nil {
		return err
	}
	if c.days == nil {
		c.days = map[time.Time]bool{}
	}
	maps.Copy(c.days, missing)
	return nil
}

// done makes the positions what they have become.
func (c *consumer) done(batch *store.Batch, took time.Duration) {
	c.checked = time.Now()
	c.a.metrics.transaction.Observe(took.Seconds())
	c.a.metrics.batch.Observe(float64(len(batch.Rows)))
	for i := range batch.Moves {
		m := &batch.Moves[i]
		c.a.metrics.records.WithLabelValues(m.To.Topic).Add(float64(m.To.Records - m.From.Records))
		*m.From = m.To
		c.a.metrics.behind(c.held[m.To.Place])
	}
	bytes := 0
	for i := range batch.Rows {
		r := &batch.Rows[i]
		bytes += len(r.Key) + len(r.Value) + len(r.Headers)
	}
	c.a.metrics.bytes.Add(float64(bytes))
	if n := len(batch.Rows); n > 0 {
		c.a.metrics.last.SetToCurrentTime()
	}
}

// read turns what was fetched into a batch.
func (c *consumer) read(fetches kgo.Fetches) *store.Batch {
	batch := &store.Batch{Rows: make([]store.Row, 0, fetches.NumRecords())}
	moves := map[*store.Stream]*store.Stream{}
	var link chain.Chain
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		h := c.held[store.Place{Topic: c.unprefixed(p.Topic), Partition: p.Partition}]
		if h == nil || h.stopped != "" || len(p.Records) == 0 {
			return
		}
		h.end = max(h.end, p.HighWatermark)
		c.a.metrics.behind(h)
		to := moves[h.Stream]
		if to == nil {
			next := *h.Stream
			to = &next
			moves[h.Stream] = to
		}
		c.follow(batch, to, p.Records, &link)
	})
	for from, to := range moves {
		if to.Next != from.Next {
			batch.Moves = append(batch.Moves, store.Move{From: from, To: *to})
		}
	}
	return batch
}

// follow adds one partition's records and moves its stream over them.
func (c *consumer) follow(batch *store.Batch, to *store.Stream, records []*kgo.Record, link *chain.Chain) {
	size := 0
	for _, r := range records {
		size += chain.SizeOfHeaders(r.Headers)
	}
	headers := make([]byte, 0, size)
	link.Link = to.Chain
	for _, r := range records {
		if r.Offset < to.Next {
			continue // read before
		}
		if !r.Attrs.IsControl() {
			day := store.Day(r.Timestamp)
			if to.Tail > 0 && (to.Tail >= c.a.cfg.Checkpoint || !day.Equal(to.Day)) {
				batch.Checkpoints = append(batch.Checkpoints, store.Checkpoint{
					Stream: to.ID, Next: to.Next, Day: to.Day, Records: to.Tail, Chain: link.Link,
				})
				to.Tail = 0
			}
			begin := len(headers)
			headers = chain.AppendHeaders(headers, r.Headers)
			row := store.Row{Stream: to.ID, Type: store.TypeOf(r.Headers), Record: chain.Record{
				Offset: r.Offset, AppendedAt: r.Timestamp, Key: r.Key, Value: r.Value, Headers: headers[begin:len(headers):len(headers)],
			}}
			link.Add(&row.Record)
			batch.Rows = append(batch.Rows, row)
			to.Day, to.Tail, to.Records = day, to.Tail+1, to.Records+1
		}
		to.Next, to.Epoch = r.Offset+1, r.LeaderEpoch
	}
	to.Chain = link.Link
}

// abandon gives up a batch without having lost anything: its records are read again from the positions, by whoever owns
// them then.
func (c *consumer) abandon(ctx context.Context, err error) {
	switch {
	case ctx.Err() != nil: // shutting down
	case errors.Is(err, errRebalance):
		c.log.WarnContext(ctx, "gave up a batch to let the group rebalance", "error", err)
		c.let()
	default: // store.ErrLost
		c.log.WarnContext(ctx, "positions are no longer as this consumer left them; taking them again", "error", err)
		c.retake()
	}
}
