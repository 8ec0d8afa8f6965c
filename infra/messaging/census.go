package messaging

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	// censusInterval is how often a process counts the dead letters of its group.
	censusInterval = 10 * time.Second
	// censusPause is for how long it does not count again, even where it changed them itself: it counts them all, in the worker.
	censusPause = time.Second
)

const (
	sqlCensus = `
SELECT topic, reason, count(*), min(dead_at) FROM dead_letters WHERE "group" = $1 GROUP BY topic, reason ORDER BY topic, reason`
	sqlCountKeys = `SELECT count(*) FROM dead_letter_heads WHERE "group" = $1`
)

// census is how many dead letters there are in the database, for metrics. Every replica tells the same.
type census struct {
	letters, keys, oldest *prometheus.Desc

	mu    sync.Mutex
	last  time.Time // when it was counted
	next  time.Time // when it is to be
	rows  []censusRow
	heads int
}

type censusRow struct {
	topic, reason string
	count         int
	oldest        time.Time
}

func newCensus() *census {
	return &census{
		letters: prometheus.NewDesc("messaging_dead_letters",
			"Messages set aside in this database; those with the reason \"behind\" only wait behind another.", []string{"topic", "reason"}, nil),
		keys: prometheus.NewDesc("messaging_dead_letter_keys", "Keys that wait behind a dead letter.", nil, nil),
		oldest: prometheus.NewDesc("messaging_dead_letter_oldest_seconds",
			"Age of the oldest of messaging_dead_letters.", []string{"topic", "reason"}, nil),
	}
}

// changed makes the next look due soon.
func (c *census) changed() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if soon := c.last.Add(censusPause); soon.Before(c.next) {
		c.next = soon
	}
}

// due tells whether it is time to count, to one of those who ask at once.
func (c *census) due(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Before(c.next) {
		return false
	}
	c.last, c.next = now, now.Add(censusInterval)
	return true
}

func (c *census) take(ctx context.Context, pool *pgxpool.Pool, group string) error {
	rows, err := pool.Query(ctx, sqlCensus, group)
	if err != nil {
		return fmt.Errorf("count dead letters: %w", err)
	}
	var counted []censusRow
	var r censusRow
	_, err = pgx.ForEachRow(rows, []any{&r.topic, &r.reason, &r.count, &r.oldest}, func() error {
		counted = append(counted, r)
		return nil
	})
	heads := 0
	if err == nil {
		err = pool.QueryRow(ctx, sqlCountKeys, group).Scan(&heads)
	}
	if err != nil {
		return fmt.Errorf("count dead letters: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rows, c.heads = counted, heads
	return nil
}

// Describe implements prometheus.Collector.
func (c *census) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.letters, c.keys, c.oldest} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *census) Collect(out chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out <- prometheus.MustNewConstMetric(c.keys, prometheus.GaugeValue, float64(c.heads))
	for _, r := range c.rows {
		out <- prometheus.MustNewConstMetric(c.letters, prometheus.GaugeValue, float64(r.count), r.topic, r.reason)
		out <- prometheus.MustNewConstMetric(c.oldest, prometheus.GaugeValue, time.Since(r.oldest).Seconds(), r.topic, r.reason)
	}
}

// heedLetters looks once in a while whether any key still waits, where some did, and counts the letters.
func (w *worker[S]) heedLetters(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	if w.headed && time.Since(w.heeded) >= idleCheck {
		w.heeded = time.Now()
		if err := w.refreshHeads(ctx); err != nil {
			w.log.WarnContext(ctx, "could not look for dead letters", "error", err)
		}
	}
	if c := w.m.metrics.census; c.due(time.Now()) {
		if err := c.take(ctx, w.m.deps.Pool, w.m.cfg.Service); err != nil {
			w.log.WarnContext(ctx, "dead letters are not counted", "error", err)
		}
	}
}
