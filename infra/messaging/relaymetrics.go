package messaging

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	outboxSampling = 5 * time.Second
	// Counting stops where more would tell nobody anything: at outboxCounted.
	outboxCounted   = "100000"
	sampleOutboxSQL = `
SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8
FROM (SELECT created_at FROM outbox ORDER BY id LIMIT ` + outboxCounted + `) AS oldest`
)

type relayMetrics struct {
	published prometheus.Counter
	errors    prometheus.Counter
	leading   prometheus.Gauge
	rows      prometheus.Gauge
	oldest    prometheus.Gauge
}

func newRelayMetrics(r prometheus.Registerer) (*relayMetrics, error) {
	m := &relayMetrics{
		published: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "relay_published_total", Help: "Messages that Kafka acknowledged to this replica, repeats included.",
		}),
		errors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "relay_errors_total", Help: "Times the relay had to start again: lost its database, or could not publish.",
		}),
		leading: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "relay_leading", Help: "1 where this replica publishes, else 0.",
		}),
		rows: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "outbox_rows", Help: "Messages not yet acknowledged, counted up to " + outboxCounted + ". Only where relay_leading is 1.",
		}),
		oldest: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "outbox_oldest_seconds", Help: "Age of the oldest of them. Only where relay_leading is 1.",
		}),
	}
	for _, c := range []prometheus.Collector{m.published, m.errors, m.leading, m.rows, m.oldest} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("relay's metrics: %w", err)
		}
	}
	return m, nil
}

func (m *relayMetrics) lead(leads bool) {
	if leads {
		m.leading.Set(1)
		return
	}
	m.leading.Set(0)
	m.rows.Set(0)
	m.oldest.Set(0)
}

// sample measures the outbox.
func (r *relay) sample(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, relayTurn)
	defer cancel()
	var rows int64
	var oldest float64
	if err := conn.QueryRow(ctx, sampleOutboxSQL).Scan(&rows, &oldest); err != nil {
		return fmt.Errorf("measure the outbox: %w", err)
	}
	r.metrics.rows.Set(float64(rows))
	r.metrics.oldest.Set(oldest)
	return nil
}
