package runner

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"ordersaga.internal/processmanager/saga"
)

// metrics of the sagas. Those of the machine are its own.
type metrics struct {
	instances   *prometheus.GaugeVec   // by state; every replica reports them all
	transitions *prometheus.CounterVec // by step and outcome
	inputs      *prometheus.CounterVec // by input and effect
	duration    *prometheus.HistogramVec
	storms      *prometheus.GaugeVec // by step
}

// newMetrics registers them. deadlines are the steps that have one.
func newMetrics(r prometheus.Registerer, deadlines []string) (*metrics, error) {
	m := &metrics{
		instances: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "saga_instances",
			Help: "Saga instances in flight by state, and those that need an operator (stuck). Each replica reports all: use max.",
		}, []string{"state"}),
		transitions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "saga_transitions_total", Help: "Steps that came to an outcome. unknown: a deadline passed.",
		}, []string{"step", "outcome"}),
		inputs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "saga_inputs_total", Help: "Events, deadlines and operators' wishes by their effect.",
		}, []string{"input", "effect"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "saga_duration_seconds", Help: "From placing to the final state.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 3600, 86400},
		}, []string{"state"}),
		storms: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "saga_deadline_storm",
			Help: "1 while the deadlines of the step are held, because too many of its instances have no answer. Each replica reports all: use max.",
		}, []string{"step"}),
	}
	for _, c := range []prometheus.Collector{m.instances, m.transitions, m.inputs, m.duration, m.storms} {
		if err := r.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	for _, state := range []string{string(saga.Running), string(saga.Unwinding), string(saga.Ending), "stuck"} {
		m.instances.WithLabelValues(state)
	}
	for _, step := range deadlines {
		m.storms.WithLabelValues(step)
	}
	return m, nil
}

// count adds a committed batch.
func (m *metrics) count(b *Batch) {
	for key, n := range b.outcomes {
		m.transitions.WithLabelValues(key.step, string(key.outcome)).Add(float64(n))
	}
	type effect struct {
		input  string
		effect saga.Effect
	}
	effects := make(map[effect]int, 8)
	for _, e := range b.entries {
		effects[effect{e.Input, e.Note.Effect}]++
	}
	for key, n := range effects {
		m.inputs.WithLabelValues(key.input, string(key.effect)).Add(float64(n))
	}
	for _, s := range b.slots {
		if s.moved && s.rec.State.Final() && !s.before.Final() {
			m.duration.WithLabelValues(string(s.rec.State)).Observe(s.rec.FinishedAt.Sub(s.rec.PlacedAt).Seconds())
		}
	}
}
