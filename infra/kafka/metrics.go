package kafka

import (
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Metrics counts what all clients of a process do, per batch and connection, never per record.
type Metrics struct {
	produced, fetched           *prometheus.CounterVec // records, by topic
	producedBytes, fetchedBytes prometheus.Counter
	connects, disconnects       prometheus.Counter
	connectErrors               prometheus.Counter
	throttled                   prometheus.Counter
}

var (
	_ kgo.HookProduceBatchWritten = (*Metrics)(nil)
	_ kgo.HookFetchBatchRead      = (*Metrics)(nil)
	_ kgo.HookBrokerConnect       = (*Metrics)(nil)
	_ kgo.HookBrokerDisconnect    = (*Metrics)(nil)
	_ kgo.HookBrokerThrottle      = (*Metrics)(nil)
)

// NewMetrics registers the metrics with reg. One per registry.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	byTopic := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"topic"})
	}
	m := &Metrics{
		produced:      byTopic("kafka_produced_records_total", "Records acknowledged by the broker."),
		fetched:       byTopic("kafka_fetched_records_total", "Records read from the broker."),
		producedBytes: counter("kafka_produced_bytes_total", "Bytes of acknowledged batches as they went over the wire."),
		fetchedBytes:  counter("kafka_fetched_bytes_total", "Bytes of fetched batches as they came over the wire."),
		connects:      counter("kafka_connects_total", "Connections opened to a broker."),
		disconnects:   counter("kafka_disconnects_total", "Connections to a broker that ended."),
		connectErrors: counter("kafka_connect_errors_total", "Connections to a broker that could not be opened."),
		throttled:     counter("kafka_throttled_seconds_total", "Time for which brokers asked us to hold back."),
	}
	reg.MustRegister(m.produced, m.fetched, m.producedBytes, m.fetchedBytes, m.connects, m.disconnects,
		m.connectErrors, m.throttled)
	return m
}

// OnProduceBatchWritten is called by the client.
func (m *Metrics) OnProduceBatchWritten(_ kgo.BrokerMetadata, topic string, _ int32, b kgo.ProduceBatchMetrics) {
	m.produced.WithLabelValues(topic).Add(float64(b.NumRecords))
	m.producedBytes.Add(float64(b.CompressedBytes))
}

// OnFetchBatchRead is called by the client.
func (m *Metrics) OnFetchBatchRead(_ kgo.BrokerMetadata, topic string, _ int32, b kgo.FetchBatchMetrics) {
	m.fetched.WithLabelValues(topic).Add(float64(b.NumRecords))
	m.fetchedBytes.Add(float64(b.CompressedBytes))
}

// OnBrokerConnect is called by the client.
func (m *Metrics) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if err != nil {
		m.connectErrors.Inc()
		return
	}
	m.connects.Inc()
}

// OnBrokerDisconnect is called by the client.
func (m *Metrics) OnBrokerDisconnect(kgo.BrokerMetadata, net.Conn) { m.disconnects.Inc() }

// OnBrokerThrottle is called by the client.
func (m *Metrics) OnBrokerThrottle(_ kgo.BrokerMetadata, d time.Duration, _ bool) {
	m.throttled.Add(d.Seconds())
}
