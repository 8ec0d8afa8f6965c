package httpserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/go-chi/chi/v5"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/trace"

	"ordersaga.internal/infra/telemetry"
)

// Config of a Server. The zero value of a field means its default.
type Config struct {
	Addr         string              // host:port; port 0: any free one. Required.
	Telemetry    telemetry.Telemetry // Required: Log and Registry.
	Metrics      *Metrics            // shared by the servers of a process; default: none.
	BodyLimit    int64               // bytes. Default DefaultBodyLimit.
	WriteTimeout time.Duration       // from the header read to the answer written. Default 60 s.
	Drain        time.Duration       // for requests at hand when the server stops. Default 8 s.
	Requests     int                 // most at once; others are answered 503 unread. Default DefaultRequests.
}

// Server is an HTTP server that listens. Every answer is measured by route, method and status; every request has a trace
// context; a panic is logged and answered with 500; a body over the limit with 413.
type Server struct {
	config   Config
	listener net.Listener
	server   *http.Server
}

// NewServer listens at once, so that a taken port shows before anything else starts. Requests wait until Run.
// Routes in metrics are those of chi.
func NewServer(c Config, handler http.Handler) (*Server, error) {
	if c.BodyLimit == 0 {
		c.BodyLimit = DefaultBodyLimit
	}
	if c.WriteTimeout == 0 {
		c.WriteTimeout = 60 * time.Second
	}
	if c.Drain == 0 {
		c.Drain = 8 * time.Second
	}
	if c.Requests == 0 {
		c.Requests = DefaultRequests
	}
	listener, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen for HTTP: %w", err)
	}
	s := &Server{config: c, listener: listener}
	s.server = &http.Server{
		Handler:           s.wrap(handler),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      c.WriteTimeout,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(c.Telemetry.Log.Handler(), slog.LevelDebug), // broken connections, mostly
	}
	return s, nil
}

// Addr is where the server listens, host:port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Run serves until ctx ends, then takes no more connections and finishes the requests at hand. Their contexts end with
// the time for that, not with ctx.
func (s *Server) Run(ctx context.Context) error {
	failed := make(chan error, 1)
	go func() { failed <- s.server.Serve(s.listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve HTTP on %s: %w", s.Addr(), err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.Drain)
	defer cancel()
	err := s.server.Shutdown(drain)
	if errors.Is(err, context.DeadlineExceeded) {
		s.config.Telemetry.Log.Warn("requests cut off at shutdown", "addr", s.Addr())
		err = s.server.Close()
	}
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// Close frees the port of a server that was never run.
func (s *Server) Close() error { return s.server.Close() }

// wrap: outermost first, tracing where it is on, metrics, then what protects the handler.
func (s *Server) wrap(handler http.Handler) http.Handler {
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer s.recovered(w, r)
		r.Body = limitBody(w, r.Body, s.config.BodyLimit)
		handler.ServeHTTP(w, r)
	})
	bounded := crowd(s.config.Requests, inner)
	measured := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// chi fills in the route; made here, it can be read afterwards.
		route := chi.NewRouteContext()
		ctx := context.WithValue(r.Context(), chi.RouteCtxKey, route)
		answer := &answer{ResponseWriter: w}
		start := time.Now()
		bounded.ServeHTTP(answer, r.WithContext(ctx))
		pattern := route.RoutePattern()
		if s.config.Metrics != nil {
			s.config.Metrics.observe(pattern, r.Method, answer.status(), time.Since(start))
		}
		if span := trace.SpanFromContext(ctx); pattern != "" && span.IsRecording() {
			span.SetName(r.Method + " " + pattern)
		}
	})
	if s.config.Telemetry.Tracing {
		return otelhttp.NewHandler(measured, "http", otelhttp.WithTracerProvider(s.config.Telemetry.Provider))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := telemetry.WithTraceContext(r.Context(), r.Header.Get("traceparent"), r.Header.Get("tracestate"))
		measured.ServeHTTP(w, r.WithContext(telemetry.Ensure(ctx)))
	})
}

func (s *Server) recovered(w http.ResponseWriter, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
		panic(p)
	}
	s.config.Telemetry.Log.ErrorContext(r.Context(), "a request made the program panic",
		"method", r.Method, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	if a, ok := w.(*answer); ok && a.code != 0 {
		panic(http.ErrAbortHandler) // half an answer is out; only cutting the connection tells the client
	}
	WriteProblem(w, r, NewProblem(http.StatusInternalServerError, "internal", ""))
}

// answer remembers the status for the metrics.
type answer struct {
	http.ResponseWriter
	code int
}

func (a *answer) WriteHeader(code int) {
	if a.code == 0 && code >= http.StatusOK { // 1xx are not the answer
		a.code = code
	}
	a.ResponseWriter.WriteHeader(code)
}

func (a *answer) Write(b []byte) (int, error) {
	if a.code == 0 {
		a.code = http.StatusOK
	}
	return a.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController: flushing and deadlines of streams.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Flush is for those who ask for http.Flusher.
func (a *answer) Flush() { _ = http.NewResponseController(a.ResponseWriter).Flush() }

func (a *answer) status() int {
	if a.code == 0 {
		return http.StatusOK
	}
	return a.code
}
