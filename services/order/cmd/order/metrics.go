package main

import (
	"fmt"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"ordersaga.internal/services/order/internal/backlog"
	"ordersaga.internal/services/order/internal/ordering"
	"ordersaga.internal/services/order/internal/watch"
)

// metrics counts what was committed and wakes those who wait for it.
type metrics struct {
	placed   prometheus.Counter
	finished *prometheus.CounterVec
	watch    *watch.Watch[ordering.State]
	backlog  *backlog.Backlog
}

func newMetrics(reg prometheus.Registerer, w *watch.Watch[ordering.State], b *backlog.Backlog) (*metrics, error) {
	m := &metrics{
		placed: prometheus.NewCounter(prometheus.CounterOpts{Name: "orders_placed_total", Help: "Orders accepted."}),
		finished: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "orders_finished_total", Help: "Orders that became final, by status.",
		}, []string{"status"}),
		watch: w, backlog: b,
	}
	for _, status := range []ordering.Status{ordering.Completed, ordering.Rejected, ordering.Cancelled} {
		m.finished.WithLabelValues(string(status)) // present from the start, at 0
	}
	for _, c := range []prometheus.Collector{m.placed, m.finished} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) Placed(n int) {
	m.placed.Add(float64(n))
	m.backlog.Add(n)
}

func (m *metrics) Changed(id uuid.UUID, s ordering.State) {
	if s.Final() {
		m.finished.WithLabelValues(string(s.Status)).Inc()
		m.backlog.Add(-1)
	}
	m.watch.Publish(id, s)
}
