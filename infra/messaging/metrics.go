package messaging

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// outcome of a consumed message.
type outcome int

const (
	handled    outcome = iota // decided and saved
	skipped                   // an event of a type that is not known here
	stale                     // below the position: read before
	dead                      // became a dead letter
	diverted                  // set behind a dead letter of its key
	superseded                // a dead-lettered command closed by its undo
	redriven                  // a dead letter handled after all
	discarded                 // a dead letter that an operator gave up
	outcomes
)

func (o outcome) String() string {
	return [...]string{"handled", "skipped", "stale", "dead", "diverted", "superseded", "redriven", "discarded"}[o]
}

type metrics struct {
	batch    prometheus.Histogram
	messages *prometheus.CounterVec
	census   *census
	duration *prometheus.HistogramVec
	paused   prometheus.Gauge
	retries  *prometheus.CounterVec
	timers   prometheus.Counter

	throttled    prometheus.Gauge
	throttledFor prometheus.Counter
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "messaging_batch_messages", Help: "Messages in one transaction.",
			Buckets: []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000},
		}),
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "messaging_messages_total", Help: "Consumed messages by what became of them.",
		}, []string{"topic", "outcome"}),
		census: newCensus(),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "messaging_transaction_seconds", Help: "From BEGIN to the answer of COMMIT.",
			Buckets: []float64{.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 5},
		}, []string{"kind"}),
		paused: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "messaging_partitions_paused", Help: "Partitions that this process owns and does not read until somebody repaired them.",
		}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "messaging_retries_total", Help: "Transactions tried again.",
		}, []string{"kind"}),
		timers: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "messaging_deadlines_total", Help: "Deadlines fired.",
		}),
		throttled: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "messaging_throttled_workers", Help: "Workers that take nothing just now, because the throttle lets them not.",
		}),
		throttledFor: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "messaging_throttled_seconds_total", Help: "Time in which workers took nothing because of the throttle.",
		}),
	}
	for _, c := range []prometheus.Collector{m.batch, m.messages, m.census, m.duration, m.paused, m.retries, m.timers, m.throttled, m.throttledFor} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("messaging metrics: %w", err)
		}
	}
	return m, nil
}

// tally counts a batch's messages without looking anything up per message.
type tally map[string]*[outcomes]int

func (t tally) add(topic string, o outcome) {
	c := t[topic]
	if c == nil {
		c = new([outcomes]int)
		t[topic] = c
	}
	c[o]++
}

func (m *metrics) count(t tally) {
	for topic, counts := range t {
		for o, n := range counts {
			if n > 0 {
				m.messages.WithLabelValues(topic, outcome(o).String()).Add(float64(n))
			}
		}
	}
}
