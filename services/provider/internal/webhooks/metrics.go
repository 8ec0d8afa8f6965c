package webhooks

import "github.com/prometheus/client_golang/prometheus"

// metrics measures what is sent.
type metrics struct {
	sent    *prometheus.CounterVec
	entries prometheus.Counter
}

func newMetrics(registry *prometheus.Registry, backlog func() int64) *metrics {
	m := &metrics{
		sent: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "provider_webhooks_total", Help: "Webhooks sent, by what came of them.",
		}, []string{"outcome"}),
		entries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "provider_webhook_entries_total", Help: "Entries of the ledger that the receiver took.",
		}),
	}
	registry.MustRegister(m.sent, m.entries, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "provider_webhook_backlog_bytes", Help: "Bytes of the ledger that the receiver has not taken yet.",
	}, func() float64 { return float64(backlog()) }))
	return m
}
