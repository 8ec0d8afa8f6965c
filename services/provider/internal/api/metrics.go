package api

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ordersaga.internal/services/provider/internal/ledger"
)

// ObserveLedger registers and returns what measures the ledger's writing.
func ObserveLedger(registry *prometheus.Registry) ledger.Observer {
	seconds := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "provider_ledger_sync_seconds", Help: "Time to write and sync a group of lines.",
		Buckets: prometheus.ExponentialBuckets(0.0001, 2, 14),
	})
	lines := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "provider_ledger_lines_total", Help: "Lines that reached the device since start.",
	})
	registry.MustRegister(seconds, lines)
	return func(took time.Duration, n int) {
		seconds.Observe(took.Seconds())
		lines.Add(float64(n))
	}
}
