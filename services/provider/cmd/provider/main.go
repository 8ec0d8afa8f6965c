// Command provider is a sandbox payment provider: it does what one does, with a durable ledger instead of money, and
// fails on request.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"ordersaga.internal/infra/telemetry"
	"ordersaga.internal/services/provider/internal/api"
	"ordersaga.internal/services/provider/internal/webhooks"
)

// version is set by the linker.
var version = "dev"

const (
	exitOther        = 1
	exitUsage        = 2
	exitNotReachable = 3
)

var (
	errUsage        = errors.New("usage")
	errNotReachable = errors.New("not reachable")
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command().ExecuteContext(ctx)
	stop()
	switch {
	case err == nil:
		return
	case errors.Is(err, errUsage):
		os.Exit(exitUsage)
	case errors.Is(err, errNotReachable):
		os.Exit(exitNotReachable)
	}
	os.Exit(exitOther)
}

func command() *cobra.Command {
	c, configErr := readConfig()
	serveCommand := func(cmd *cobra.Command, _ []string) error {
		if err := errors.Join(configErr, c.validate()); err != nil {
			return fmt.Errorf("%w: %w", errUsage, err)
		}
		return serve(cmd.Context(), c)
	}
	root := &cobra.Command{
		Use: "provider", Short: "A sandbox payment provider.", Args: cobra.NoArgs, RunE: serveCommand, SilenceUsage: true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return fmt.Errorf("%w: %w", errUsage, err) })
	flags := root.PersistentFlags()
	flags.StringVar(&c.HTTPAddr, "http-addr", c.HTTPAddr, "where the provider listens (HTTP_ADDR)")
	flags.StringVar(&c.DataDir, "data-dir", c.DataDir, "folder of the ledger (DATA_DIR)")
	root.AddCommand(
		&cobra.Command{Use: "serve", Short: "Serve (the default).", Args: cobra.NoArgs, RunE: serveCommand},
		&cobra.Command{Use: "version", Short: "Print the version.", Args: cobra.NoArgs, Run: func(cmd *cobra.Command, _ []string) {
			cmd.Println(version)
		}},
	)
	return root
}

func serve(ctx context.Context, c config) error {
	debug.SetGCPercent(c.GOGC)
	tel, flush, err := telemetry.Setup(ctx, telemetry.Config{Service: "provider", Version: version, LogLevel: c.LogLevel})
	if err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	err = serveStore(ctx, c, tel)
	sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if lost := flush(sending); lost != nil {
		tel.Log.Warn("spans were lost", "error", lost)
	}
	return err
}

// serveStore opens the ledger and serves it.
func serveStore(ctx context.Context, c config, tel telemetry.Telemetry) error {
	log, registry := tel.Log, tel.Registry
	if err := os.MkdirAll(filepath.Clean(c.DataDir), 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	store, err := api.OpenStore(c.DataDir, api.ObserveLedger(registry))
	if err != nil {
		return err
	}
	stopWebhooks, err := startWebhooks(ctx, c, store, registry, log)
	if err != nil {
		return errors.Join(err, store.Shut())
	}
	handler := api.New(store, registry, api.Config{APIKey: c.APIKey, Hold: c.Hold})
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.HTTPAddr)
	if err != nil {
		stopWebhooks()
		return errors.Join(fmt.Errorf("%w: listen: %w", errNotReachable, err), store.Shut())
	}
	log.Info("provider is listening", "addr", listener.Addr().String())
	err = serveHTTP(ctx, listener, traced(handler, tel), store.Failed())
	handler.Stop()
	stopWebhooks()
	if err := errors.Join(err, store.Shut()); err != nil {
		log.Error("provider stopped", "error", err)
		return err
	}
	log.Info("provider stopped")
	return nil
}

// startWebhooks sends webhooks until the returned function is called, which waits for the end.
func startWebhooks(ctx context.Context, c config, store *api.Store, registry *prometheus.Registry, log *slog.Logger) (stop func(), err error) {
	if len(c.WebhookURL) == 0 {
		return func() {}, nil
	}
	sender, err := webhooks.New(store, registry, log, webhooks.Config{
		URLs: c.WebhookURL, Secrets: c.WebhookSecret, Every: c.WebhookEvery, Folder: c.DataDir,
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var work sync.WaitGroup
	work.Go(func() { sender.Run(ctx) })
	return func() { cancel(); work.Wait() }, nil
}

// serveHTTP serves until ctx ends or the ledger failed, then drains.
func serveHTTP(ctx context.Context, l net.Listener, h http.Handler, failed <-chan struct{}) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	var cause error
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-failed: // Shut tells the error
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if err := server.Shutdown(drain); err != nil { // requests that hang by design
		cause = server.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		cause = errors.Join(cause, err)
	}
	return cause
}

// traced makes a span for each request where spans are asked for, so that the provider's part shows in an order's trace.
func traced(h http.Handler, tel telemetry.Telemetry) http.Handler {
	if !tel.Tracing {
		return h
	}
	return otelhttp.NewHandler(h, "", otelhttp.WithTracerProvider(tel.Provider), otelhttp.WithFilter(func(r *http.Request) bool {
		return strings.HasPrefix(r.URL.Path, "/v1/")
	}))
}
