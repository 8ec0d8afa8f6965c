package httpserver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/infra/telemetry"
	"ordersaga.internal/infra/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// buffer is a log that several goroutines write and one reads.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// serve runs a server until the test ends; stop ends it earlier and returns what Run returned.
func serve(t *testing.T, log io.Writer, handler http.Handler, change ...func(*httpserver.Config)) (tel telemetry.Telemetry, url string, stop func() error) {
	t.Helper()
	tel, _, err := telemetry.Setup(t.Context(), telemetry.Config{Service: "s", Output: log})
	require.NoError(t, err)
	c := httpserver.Config{Addr: "127.0.0.1:0", Telemetry: tel, Metrics: httpserver.NewMetrics(tel.Registry), BodyLimit: 100}
	for _, f := range change {
		f(&c)
	}
	s, err := httpserver.NewServer(c, handler)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() { require.NoError(t, stop()); http.DefaultClient.CloseIdleConnections() })
	return tel, "http://" + s.Addr(), stop
}

func do(t *testing.T, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp, string(text)
}

func TestServerMeasuresLimitsAndSurvives(t *testing.T) {
	t.Parallel()
	r := chi.NewRouter()
	r.NotFound(httpserver.NotFound)
	r.Post("/v1/things/{id}", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			httpserver.WriteError(w, r, err)
		}
	})
	r.Get("/panic", func(http.ResponseWriter, *http.Request) { panic("s3cret") })
	r.Get("/late", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("half"))
		_ = http.NewResponseController(w).Flush()
		panic("late")
	})
	r.Get("/trace", func(w http.ResponseWriter, r *http.Request) {
		parent, _ := telemetry.TraceContext(r.Context())
		_, _ = w.Write([]byte(parent))
	})
	r.Get("/error", func(w http.ResponseWriter, r *http.Request) { httpserver.WriteError(w, r, errors.New("s3cret")) })
	var log buffer
	tel, url, _ := serve(t, &log, r)

	resp, _ := do(t, "POST", url+"/v1/things/7", "small")
	require.Equal(t, 200, resp.StatusCode)
	resp, _ = do(t, "POST", url+"/v1/things/8", strings.Repeat("x", 101))
	require.Equal(t, 413, resp.StatusCode)
	resp, _ = do(t, "GET", url+"/made/up", "")
	require.Equal(t, 404, resp.StatusCode)
	for _, path := range []string{"/panic", "/error"} {
		resp, body := do(t, "GET", url+path, "")
		require.Equal(t, 500, resp.StatusCode)
		require.Contains(t, body, "/problems/internal")
		require.NotContains(t, body, "s3cret")
	}
	require.Contains(t, log.String(), "a request made the program panic")

	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/late", nil)
	require.NoError(t, err)
	late, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	_, err = io.ReadAll(late.Body)
	require.Error(t, err, "half an answer must not look whole")
	require.NoError(t, late.Body.Close())

	const incoming = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	_, body := do(t, "GET", url+"/trace", "", "traceparent", incoming)
	require.Equal(t, incoming, body)
	_, body = do(t, "GET", url+"/trace", "")
	require.Len(t, body, 55)

	require.ElementsMatch(t, []string{
		"POST /v1/things/{id} 200", "POST /v1/things/{id} 413", "GET none 404", "GET /panic 500", "GET /error 500", "GET /trace 200",
	}, measured(t, tel))
}

// measured lists what the histogram has seen; the connection that was cut counts for nothing.
func measured(t *testing.T, tel telemetry.Telemetry) (out []string) {
	t.Helper()
	families, err := tel.Registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() != "http_server_request_duration_seconds" {
			continue
		}
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			out = append(out, labels["method"]+" "+labels["route"]+" "+labels["status"])
		}
	}
	return out
}

func TestServerFinishesTheRequestAtHand(t *testing.T) {
	t.Parallel()
	entered, leave := make(chan struct{}), make(chan struct{})
	_, url, stop := serve(t, io.Discard, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-leave
		if r.Context().Err() == nil {
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	answered := make(chan int, 1)
	go func() {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			return
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			answered <- 0
			return
		}
		_ = resp.Body.Close()
		answered <- resp.StatusCode
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	testkit.Eventually(t, func() bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			return false
		}
		resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		return err != nil
	}, "no more connections are taken")
	close(leave)
	require.Equal(t, http.StatusTeapot, <-answered)
	require.NoError(t, <-stopped)
}

func TestSpansAreNamedByRouteWhereTracingIsOn(t *testing.T) {
	t.Parallel()
	recorder := tracetest.NewSpanRecorder()
	tel, _, err := telemetry.Setup(t.Context(), telemetry.Config{Service: "s", Output: io.Discard})
	require.NoError(t, err)
	tel.Tracing, tel.Provider = true, sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder))
	r := chi.NewRouter()
	r.Get("/v1/things/{id}", func(w http.ResponseWriter, r *http.Request) {
		parent, _ := telemetry.TraceContext(r.Context())
		_, _ = w.Write([]byte(parent))
	})
	s, err := httpserver.NewServer(httpserver.Config{Addr: "127.0.0.1:0", Telemetry: tel}, r)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	_, parent := do(t, "GET", "http://"+s.Addr()+"/v1/things/7", "", "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	cancel()
	require.NoError(t, <-done)
	spans := recorder.Ended()
	require.Len(t, spans, 1)
	require.Equal(t, "GET /v1/things/{id}", spans[0].Name())
	require.Equal(t, "0af7651916cd43dd8448eb211c80319c", spans[0].SpanContext().TraceID().String())
	require.Contains(t, parent, spans[0].SpanContext().SpanID().String())
}

func TestATakenPortShowsAtOnce(t *testing.T) {
	t.Parallel()
	tel, url, _ := serve(t, io.Discard, http.NotFoundHandler())
	_, err := httpserver.NewServer(httpserver.Config{Addr: strings.TrimPrefix(url, "http://"), Telemetry: tel}, nil)
	require.ErrorContains(t, err, "listen for HTTP")
}

func TestAdminPort(t *testing.T) {
	t.Parallel()
	var broken error
	stopping := make(chan struct{})
	auth := newAuth(t, testkit.JWKS(t))
	tel, _, err := telemetry.Setup(t.Context(), telemetry.Config{Service: "s", Version: "v9", Output: io.Discard})
	require.NoError(t, err)
	_, url, _ := serve(t, io.Discard, httpserver.Admin(httpserver.AdminConfig{
		Telemetry: tel, Stopping: stopping, Auth: auth,
		Ready: map[string]func(context.Context) error{"database": func(context.Context) error { return broken }},
		Routes: func(r chi.Router) {
			r.Get("/instances", func(w http.ResponseWriter, r *http.Request) { httpserver.WriteJSON(w, r, 200, []int{}) })
		},
	}))
	get := func(path string, header ...string) (int, string) {
		resp, body := do(t, "GET", url+path, "", header...)
		return resp.StatusCode, body
	}
	status, body := get("/livez")
	require.Equal(t, 200, status, body)
	status, body = get("/readyz")
	require.Equal(t, 200, status, body)
	status, body = get("/metrics")
	require.Equal(t, 200, status)
	require.Contains(t, body, `build_info{`)
	_, body = get("/version")
	var build telemetry.Build
	require.NoError(t, json.Unmarshal([]byte(body), &build))
	require.Equal(t, "v9", build.Version)

	status, _ = get("/admin/v1/instances")
	require.Equal(t, 401, status)
	status, _ = get("/admin/v1/instances", "Authorization", "Bearer "+testkit.Token(t, "a", "customer"))
	require.Equal(t, 403, status)
	status, _ = get("/admin/v1/instances", "Authorization", "Bearer "+testkit.Token(t, "a", "operator"))
	require.Equal(t, 200, status)
	status, body = get("/nothing")
	require.Equal(t, 404, status)
	require.Contains(t, body, "/problems/not-found")

	broken = errors.New("it is away")
	status, body = get("/readyz")
	require.Equal(t, 503, status)
	require.JSONEq(t, `{"ready":false,"missing":{"database":"it is away"}}`, body)
	broken = nil
	close(stopping)
	status, body = get("/readyz")
	require.Equal(t, 503, status)
	require.Contains(t, body, "stopping")
	status, _ = get("/livez")
	require.Equal(t, 200, status)
}
