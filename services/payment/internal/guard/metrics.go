package guard

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	calls     *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
	throttled prometheus.Counter
}

func newMetrics(registry prometheus.Registerer, state func() float64) (*metrics, error) {
	m := &metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "payment_provider_calls_total",
			Help: "Calls to the provider, by what came of them; not_called: the breaker was open.",
		}, []string{"operation", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "payment_provider_call_seconds", Help: "Time of a call to the provider.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}, []string{"operation"}),
		throttled: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "payment_provider_throttled_seconds_total", Help: "Time that calls waited for their turn.",
		}),
	}
	for _, c := range []prometheus.Collector{m.calls, m.seconds, m.throttled, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "payment_provider_breaker_state", Help: "0 closed, 1 trying again, 2 open: the provider is not called.",
	}, state)} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}
