package archiver

import (
	"fmt"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"ordersaga.internal/services/archive/internal/store"
)

type metrics struct {
	records     *prometheus.CounterVec
	bytes       prometheus.Counter
	lag         *prometheus.GaugeVec
	stopped     *prometheus.GaugeVec
	last        prometheus.Gauge
	batch       prometheus.Histogram
	transaction prometheus.Histogram
	retries     prometheus.Counter
}

func newMetrics(r prometheus.Registerer, topics []string) (*metrics, error) {
	m := &metrics{
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "archive_records_total", Help: "Records archived.",
		}, []string{"topic"}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "archive_bytes_total", Help: "Bytes of keys, values and headers archived.",
		}),
		lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "archive_lag_records", Help: "Offsets between the end of the log and what is archived, as of the last fetch or batch.",
		}, []string{"topic", "partition"}),
		stopped: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "archive_partitions_stopped", Help: "Partitions of which this process archives nothing until an operator said how they go on.",
		}, []string{"topic"}),
		last: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "archive_last_archived_timestamp_seconds", Help: "When this process last archived something.",
		}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "archive_batch_records", Help: "Records in one transaction.",
			Buckets: []float64{1, 10, 100, 1000, 2000, 5000, 10_000},
		}),
		transaction: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "archive_transaction_seconds", Help: "From BEGIN to the answer of COMMIT.",
			Buckets: []float64{.002, .005, .01, .02, .05, .1, .2, .5, 1, 5, 30},
		}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "archive_retries_total", Help: "Transactions tried again.",
		}),
	}
	for _, topic := range topics { // there from the start, for alerts
		m.records.WithLabelValues(topic)
		m.stopped.WithLabelValues(topic)
	}
	for _, c := range []prometheus.Collector{m.records, m.bytes, m.lag, m.stopped, m.last, m.batch, m.transaction, m.retries} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("archiver metrics: %w", err)
		}
	}
	return m, nil
}

// behind tells the lag of a partition, also while its transactions fail.
func (m *metrics) behind(h *held) {
	m.lag.WithLabelValues(h.Topic, partitionLabel(h.Partition)).Set(float64(h.end - h.Next))
}

// let forgets the lag of a partition that is another's now.
func (m *metrics) let(at store.Place) {
	m.lag.DeleteLabelValues(at.Topic, partitionLabel(at.Partition))
}

func partitionLabel(n int32) string { return strconv.Itoa(int(n)) }
