package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Config of Setup.
type Config struct {
	Service  string    // "payment": service.name, and on every log line. Required.
	Version  string    // Default: what the build recorded.
	LogLevel string    // debug, info, warn or error. Default info.
	Output   io.Writer // of the log. Default standard error.
}

// Telemetry is what programs log, count and trace with.
type Telemetry struct {
	Log      *slog.Logger
	Registry *prometheus.Registry
	Tracer   trace.Tracer
	Provider trace.TracerProvider
	Tracing  bool // an exporter is configured; if not, make no spans at all
	Build    Build
}

// Build says what is running.
type Build struct {
	Service   string `json:"service"`
	Version   string `json:"version"`
	Revision  string `json:"revision"`
	BuiltFrom string `json:"time,omitempty"` // the commit's time
	Go        string `json:"go"`
}

// Setup returns ready telemetry. shutdown sends what is buffered; it is never nil.
//
// Spans are exported only if OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT or OTEL_TRACES_EXPORTER is
// set and OTEL_SDK_DISABLED is not; then OTEL_TRACES_SAMPLER and the other standard settings hold.
func Setup(ctx context.Context, c Config) (t Telemetry, shutdown func(context.Context) error, err error) {
	nothing := func(context.Context) error { return nil }
	level := slog.LevelInfo
	if c.LogLevel != "" {
		if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
			return Telemetry{}, nothing, fmt.Errorf("log level %q is none of debug, info, warn, error", c.LogLevel)
		}
	}
	out := c.Output
	if out == nil {
		out = os.Stderr
	}
	build := BuildOf(c.Service, c.Version)
	provider, shutdown, err := newProvider(ctx, build)
	if err != nil {
		return Telemetry{}, nothing, fmt.Errorf("traces: %w", err)
	}
	t = Telemetry{
		Log:      newLogger(out, level, c.Service),
		Registry: newRegistry(build),
		Provider: noop.NewTracerProvider(),
		Build:    build,
	}
	if provider != nil {
		t.Provider, t.Tracing = provider, true
	}
	t.Tracer = t.Provider.Tracer("ordersaga.internal")
	// Libraries that take no provider (otelhttp's transport, otelpgx) look here.
	otel.SetTracerProvider(t.Provider)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { t.Log.Warn("opentelemetry", "error", err.Error()) }))
	return t, shutdown, nil
}

// BuildOf reads what the Go toolchain recorded. version: as given, else the module's.
func BuildOf(service, version string) Build {
	b := Build{Service: service, Version: version, Revision: "unknown"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Go = info.GoVersion
	if b.Version == "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.BuiltFrom = s.Value
		}
	}
	return b
}

func newRegistry(b Build) *prometheus.Registry {
	reg := prometheus.NewRegistry()
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "build_info", Help: "Always 1: what is running is in the labels.",
		ConstLabels: prometheus.Labels{
			"service": b.Service, "version": b.Version, "revision": b.Revision, "go_version": b.Go,
		},
	})
	info.Set(1)
	reg.MustRegister(info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return reg
}
