package webhooks

import "github.com/prometheus/client_golang/prometheus"

// Metrics measures what is sent.
type Metrics struct {
	sent    *prometheus.CounterVec
	entries prometheus.Counter
	behind  prometheus.Gauge
}

// NewMetrics registers the metrics.
func NewMetrics(registry *prometheus.Registry) *Metrics {
	m := &Metrics{
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "provider_webhooks_total", Help: "Webhooks sent, by what came of them.",
		}, []string{"outcome"}),
		entries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "provider_webhook_entries_total", Help: "Entries of the ledger that the receiver took.",
		}),
		behind: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "provider_webhook_backlog_bytes", Help: "Bytes of the ledger that the receiver has not taken yet.",
		}),
	}
	registry.MustRegister(m.sent, m.entries, m.behind)
	return m
}
