package participant

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// tally is what one batch did. Repeats do not count.
type tally struct{ reserved, refused, released, dispatched, damaged, notHeld int }

type metrics struct{ reservations, releases, dispatches *prometheus.CounterVec }

func newMetrics(r prometheus.Registerer) (metrics, error) {
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"outcome"})
	}
	m := metrics{
		reservations: counter("stock_reservations_total", "Orders that asked for stock, by outcome: reserved or out_of_stock."),
		releases:     counter("stock_releases_total", "Orders whose stock was released, also where they held none, by outcome: released."),
		dispatches:   counter("stock_dispatches_total", "Orders that were to be dispatched, by outcome: dispatched, damaged or not_held."),
	}
	for _, c := range []prometheus.Collector{m.reservations, m.releases, m.dispatches} {
		if err := r.Register(c); err != nil {
			return metrics{}, fmt.Errorf("register metric: %w", err)
		}
	}
	m.count(tally{}) // so that each outcome is there from the start
	return m, nil
}

func (m metrics) count(t tally) {
	for _, c := range []struct {
		counter *prometheus.CounterVec
		outcome string
		n       int
	}{
		{m.reservations, "reserved", t.reserved},
		{m.reservations, "out_of_stock", t.refused},
		{m.releases, "released", t.released},
		{m.dispatches, "dispatched", t.dispatched},
		{m.dispatches, "damaged", t.damaged},
		{m.dispatches, "not_held", t.notHeld},
	} {
		c.counter.WithLabelValues(c.outcome).Add(float64(c.n))
	}
}
