package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"ordersaga.internal/infra/telemetry"
)

const incoming = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestATraceContextIsPassedOnAsItCame(t *testing.T) {
	t.Parallel()
	ctx := telemetry.WithTraceContext(t.Context(), incoming, "vendor=1")
	parent, state := telemetry.TraceContext(telemetry.Ensure(ctx))
	require.Equal(t, incoming, parent)
	require.Equal(t, "vendor=1", state)
	require.Equal(t, "0af7651916cd43dd8448eb211c80319c", telemetry.TraceID(parent))
	require.True(t, telemetry.Sampled(parent))
}

func TestWithoutATraceContextOneIsDrawnUnsampled(t *testing.T) {
	t.Parallel()
	for _, header := range []string{"", "rubbish", "00-00000000000000000000000000000000-b7ad6b7169203331-01"} {
		ctx := telemetry.Ensure(telemetry.WithTraceContext(t.Context(), header, ""))
		first, _ := telemetry.TraceContext(ctx)
		again, _ := telemetry.TraceContext(ctx)
		require.Regexp(t, regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-00$`), first)
		require.Equal(t, first, again)
		require.False(t, telemetry.Sampled(first))
	}
	a, _ := telemetry.TraceContext(t.Context())
	b, _ := telemetry.TraceContext(t.Context())
	require.NotEqual(t, a, b)
}

func TestLogLinesLeadToTheirTrace(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	tel, shutdown, err := telemetry.Setup(t.Context(), telemetry.Config{Service: "s", Version: "v1", Output: &out})
	require.NoError(t, err)
	require.False(t, tel.Tracing)
	ctx := telemetry.WithTraceContext(t.Context(), incoming, "")
	tel.Log.With("order_id", "o").InfoContext(ctx, "hello")
	tel.Log.Debug("unheard")
	require.NoError(t, shutdown(t.Context()))

	var line map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &line))
	require.Equal(t, "0af7651916cd43dd8448eb211c80319c", line["trace_id"])
	require.Equal(t, "s", line["service"])
	require.Equal(t, "o", line["order_id"])

	_, _, err = telemetry.Setup(t.Context(), telemetry.Config{Service: "s", LogLevel: "loud"})
	require.ErrorContains(t, err, "loud")
}

func TestBuildInfoIsAMetric(t *testing.T) {
	t.Parallel()
	tel, _, err := telemetry.Setup(t.Context(), telemetry.Config{Service: "s", Version: "v1", Output: io.Discard})
	require.NoError(t, err)
	families, err := tel.Registry.Gather()
	require.NoError(t, err)
	names := map[string]bool{}
	for _, f := range families {
		names[f.GetName()] = true
	}
	for _, want := range []string{"build_info", "go_goroutines", "process_cpu_seconds_total"} {
		require.True(t, names[want], want)
	}
}

// Not parallel: the settings are of the whole process.
func TestSpansGoWhereTheStandardSettingsSay(t *testing.T) {
	got := make(chan string, 1)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // compared below
		select {
		case got <- r.URL.Path + " " + string(body):
		default:
		}
	}))
	defer collector.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	tel, shutdown, err := telemetry.Setup(t.Context(), telemetry.Config{Service: "payment", Version: "v7", Output: io.Discard})
	require.NoError(t, err)
	require.True(t, tel.Tracing)
	ctx, span := tel.Tracer.Start(telemetry.WithTraceContext(t.Context(), incoming, ""), "work")
	parent, _ := telemetry.TraceContext(ctx)
	require.Equal(t, "0af7651916cd43dd8448eb211c80319c", telemetry.TraceID(parent))
	require.NotEqual(t, incoming, parent)
	span.End()
	require.NoError(t, shutdown(context.WithoutCancel(t.Context())))
	sent := <-got
	require.Contains(t, sent, "/v1/traces")
	for _, want := range []string{"payment", "v7", "work", "service.version"} {
		require.Contains(t, sent, want)
	}

	for name, value := range map[string]string{"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "none"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			tel, _, err := telemetry.Setup(t.Context(), telemetry.Config{Service: "s", Output: io.Discard})
			require.NoError(t, err)
			require.False(t, tel.Tracing)
		})
	}
	t.Setenv("OTEL_TRACES_EXPORTER", "zipkin")
	_, _, err = telemetry.Setup(t.Context(), telemetry.Config{Service: "s", Output: io.Discard})
	require.ErrorContains(t, err, "zipkin")
}

func BenchmarkTraceContextDrawn(b *testing.B) {
	ctx := context.Background()
	for b.Loop() {
		telemetry.TraceContext(ctx)
	}
}

func BenchmarkTraceContextPassedOn(b *testing.B) {
	ctx := telemetry.WithTraceContext(context.Background(), incoming, "")
	for b.Loop() {
		telemetry.TraceContext(ctx)
	}
}
