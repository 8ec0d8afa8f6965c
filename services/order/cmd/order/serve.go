package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ordersaga.internal/contracts"
	"ordersaga.internal/contracts/openapi"
	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/messaging/trail"
	"ordersaga.internal/infra/postgres"
	"ordersaga.internal/infra/program"
	"ordersaga.internal/services/order/internal/admission"
	"ordersaga.internal/services/order/internal/backlog"
	"ordersaga.internal/services/order/internal/httpapi"
	"ordersaga.internal/services/order/internal/messages"
	"ordersaga.internal/services/order/internal/ordering"
	"ordersaga.internal/services/order/internal/store"
	"ordersaga.internal/services/order/internal/view"
	"ordersaga.internal/services/order/internal/viewstore"
	"ordersaga.internal/services/order/internal/watch"
)

// serve runs the service until ctx ends.
func serve(ctx context.Context, c config) error {
	s, err := newService(ctx, c)
	if err != nil {
		return err
	}
	defer s.parts.Close(ctx)
	s.parts.Telemetry.Log.InfoContext(ctx, "serving", "http", s.api.Addr(), "admin", s.admin.Addr(), "replica", c.Replica)
	return s.run(ctx)
}

// service is everything that runs in this process.
type service struct {
	parts    *program.Parts
	store    *store.Store
	machine  *messaging.Machine[*messages.Batch]
	watch    *watch.Watch[ordering.State]
	viewPool *pgxpool.Pool // nil: there is no read model
	views    *viewstore.Reader
	sights   *watch.Watch[view.Sight]
	streams  *httpapi.Streams
	backlog  *backlog.Backlog
	door     *admission.Admission

	publishing messages.Publishing

	api   *httpserver.Server
	admin *httpserver.Server
}

// newService reaches the database and the broker, and puts the service together on them.
func newService(ctx context.Context, c config) (*service, error) {
	parts, err := c.Open(ctx, "order")
	if err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	s, err := assemble(ctx, c, parts)
	if err != nil {
		parts.Close(ctx)
		return nil, err
	}
	return s, nil
}

// assemble checks that database and broker are as they must be, and listens.
func assemble(ctx context.Context, c config, parts *program.Parts) (*service, error) {
	publishing := c.publishing()
	s := &service{parts: parts, watch: watch.New[ordering.State](), sights: watch.New[view.Sight](), publishing: publishing}
	topics := append(messaging.DeadLetterTopics(contracts.OrderCommands), contracts.OrderCommands, contracts.OrderEvents)
	if publishing.Copies(time.Now()) {
		topics = append(topics, contracts.OrderEventsV1)
	}
	if err := s.parts.Check(ctx, topics, contracts.Partitions, schemas...); err != nil {
		return nil, fmt.Errorf("start: %w", err)
	}
	s.store = store.New(s.parts.Pool)
	var err error
	if s.backlog, err = backlog.New(s.store, c.backlog(), s.parts.Telemetry.Registry); err != nil {
		return nil, fmt.Errorf("backlog: %w", err)
	}
	if s.door, err = admission.New(c.admission(), s.backlog, s.store.Placed, s.parts.Telemetry.Registry); err != nil {
		return nil, fmt.Errorf("admission: %w", err)
	}
	metrics, err := newMetrics(s.parts.Telemetry.Registry, s.watch, s.backlog)
	if err != nil {
		return nil, err
	}
	codec := messages.Codec{Registry: contracts.NewRegistry()}
	s.machine, err = messaging.New(s.parts.Deps(codec), messages.NewHandler(codec, publishing, metrics),
		c.Machine("order", []string{contracts.OrderCommands}, contracts.Partitions))
	if err != nil {
		return nil, fmt.Errorf("machine: %w", err)
	}
	if err := s.openView(ctx, c); err != nil {
		return nil, err
	}
	if err := s.listen(ctx, c); err != nil {
		s.closeView()
		return nil, err
	}
	return s, nil
}

// openView prepares to read the read model, which may be away, or not there at all.
func (s *service) openView(ctx context.Context, c config) (err error) {
	reg := s.parts.Telemetry.Registry
	if s.streams, err = httpapi.NewStreams(c.Streams, reg); err != nil {
		return err
	}
	if c.ViewURL != "" {
		if s.viewPool, err = postgres.Prepare(ctx, c.ViewURL, postgres.MaxConns(c.DatabaseConns)); err != nil {
			return program.Usage(fmt.Errorf("DATABASE_ORDERVIEW_URL: %w", err))
		}
	}
	s.views, err = viewstore.NewReader(s.viewPool, s.parts.Telemetry.Log, reg)
	return err
}

func (s *service) closeView() {
	if s.viewPool != nil {
		s.viewPool.Close()
	}
}

func (s *service) listen(ctx context.Context, c config) error {
	document, err := openapi.Document("order")
	if err != nil {
		return fmt.Errorf("contract: %w", err)
	}
	contract, err := httpserver.NewContract(document)
	if err != nil {
		return fmt.Errorf("contract: %w", err)
	}
	api := httpapi.NewAPI(httpapi.Deps{
		Machine: s.machine, Orders: s.store, Products: s.store, Views: s.views,
		Watch: s.watch, Sights: s.sights, Streams: s.streams,
		Stopping: ctx.Done(), Log: s.parts.Telemetry.Log,
	})
	s.api, err = s.parts.Server(c.HTTPAddr, s.parts.Auth.Middleware(s.door.Middleware(contract.Middleware(api.Handler()))))
	if err != nil {
		return fmt.Errorf("order API: %w", err)
	}
	trails, err := s.trails()
	if err != nil {
		return errors.Join(fmt.Errorf("admin port: %w", err), s.api.Close())
	}
	if s.admin, err = s.parts.AdminPort(ctx, c.AdminAddr, s.machine, trails); err != nil {
		_ = s.api.Close()
	}
	return err
}

// trails tell operators what the service knows of an order.
func (s *service) trails() (func(chi.Router), error) {
	document, err := openapi.Document("trail")
	if err != nil {
		return nil, err
	}
	return trail.Routes(trail.Config{
		Service: "order", Partitions: contracts.Partitions, Document: document, Pool: s.parts.Pool, Log: s.parts.Telemetry.Log,
		Tables: []trail.Own{{Name: "orders", SQL: store.TrailSQL}},
	})
}

// run ends in order: no more requests, then the machine, which still commits what they submitted.
func (s *service) run(ctx context.Context) error {
	defer s.closeView()
	log := s.parts.Telemetry.Log
	return program.Together(ctx,
		s.api.Run,
		s.machine.Run,
		func(ctx context.Context) error { return s.watch.Run(ctx, s.store.States, log) },
		func(ctx context.Context) error { return s.sights.Run(ctx, s.views.Sights, log) },
		func(ctx context.Context) error { return s.backlog.Run(ctx, log) },
		func(ctx context.Context) error { return s.door.Run(ctx, log) },
		func(ctx context.Context) error { return s.publishing.Run(ctx, log) },
		s.admin.Run,
	)
}
