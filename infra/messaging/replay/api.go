package replay

import (
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/postgres"
)

// Document is the OpenAPI 3.1 document of the interface.
//
//go:embed openapi.yaml
var Document []byte

// Machine is what a messaging.Machine offers operators.
type Machine interface {
	Group() string
	Positions(ctx context.Context) ([]messaging.Position, error)
	Rewind(ctx context.Context, to messaging.Rewinding, w messaging.Wish) (messaging.Rewound, error)
	Rewinds(ctx context.Context, before int64, limit int) ([]messaging.Rewound, error)
}

// patience is how long a request waits for the database and Kafka.
const (
	patience    = 5 * time.Second
	defaultPage = 20
)

var errUnavailable = errors.New("the database or Kafka did not answer in time; the effect is unknown")

// API serves the document's operations.
type API struct {
	machine Machine
	log     *slog.Logger
}

var _ StrictServerInterface = (*API)(nil)

// Routes adds the API to the routes of the admin port, which has authenticated the request and asked for the role.
func Routes(machine Machine, log *slog.Logger) (func(chi.Router), error) {
	a := &API{machine, log}
	strict := NewStrictHandlerWithOptions(a, nil, StrictHTTPServerOptions{
		RequestErrorHandlerFunc: httpserver.BadRequest, ResponseErrorHandlerFunc: a.problem,
	})
	handler, err := httpserver.Documented(Document, func(base chi.Router) http.Handler {
		return HandlerWithOptions(strict, ChiServerOptions{BaseRouter: base, ErrorHandlerFunc: httpserver.BadRequest})
	})
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	return func(r chi.Router) {
		r.Handle("/positions", handler)
		r.Handle("/positions/*", handler)
	}, nil
}

// ListPositions returns all of them.
func (a *API) ListPositions(ctx context.Context, _ ListPositionsRequestObject) (ListPositionsResponseObject, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	positions, err := a.machine.Positions(ctx)
	if err != nil {
		return nil, err
	}
	out := ListPositions200JSONResponse{Group: a.machine.Group(), Items: make([]Position, len(positions))}
	for i, p := range positions {
		out.Items[i] = Position{
			Topic: p.Topic, Partition: p.Partition, Next: p.Next, LogStart: p.LogStart, LogEnd: p.LogEnd, Lag: max(0, p.LogEnd-p.Next),
		}
		if p.Owner != "" {
			out.Items[i].Owner = &p.Owner
		}
	}
	return out, nil
}

// RewindPositions lets the group read again what it has read.
func (a *API) RewindPositions(ctx context.Context, r RewindPositionsRequestObject) (RewindPositionsResponseObject, error) {
	to := messaging.Rewinding{Partition: r.Body.Partition, Offset: r.Body.To.Offset}
	if r.Body.Topic != nil {
		to.Topic = *r.Body.Topic
	}
	if r.Body.To.Time != nil {
		to.Time = *r.Body.To.Time
	}
	wish := messaging.Wish{Operator: httpserver.ClaimsFrom(ctx).Subject, Reason: r.Body.Reason}
	if r.Params.IdempotencyKey != nil {
		wish.Key = *r.Params.IdempotencyKey
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	done, err := a.machine.Rewind(ctx, to, wish)
	if err != nil {
		return nil, err
	}
	return RewindPositions200JSONResponse(a.rewound(&done)), nil
}

// ListRewinds returns a page, the newest first.
func (a *API) ListRewinds(ctx context.Context, r ListRewindsRequestObject) (ListRewindsResponseObject, error) {
	limit, before := defaultPage, int64(0)
	if r.Params.Limit != nil {
		limit = *r.Params.Limit
	}
	key, err := httpserver.CursorKey(r.Params.Cursor, 8)
	if err != nil {
		return nil, err
	}
	if key != nil {
		before = max(1, int64(binary.BigEndian.Uint64(key)))
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	entries, err := a.machine.Rewinds(ctx, before, limit+1)
	if err != nil {
		return nil, err
	}
	out := ListRewinds200JSONResponse{Items: make([]Rewound, 0, len(entries))}
	if len(entries) > limit {
		entries = entries[:limit]
		out.NextCursor = httpserver.Cursor(binary.BigEndian.AppendUint64(nil, uint64(entries[limit-1].ID)))
	}
	for i := range entries {
		out.Items = append(out.Items, a.rewound(&entries[i]))
	}
	return out, nil
}

func (a *API) rewound(r *messaging.Rewound) Rewound {
	out := Rewound{
		EntryId: r.ID, Group: a.machine.Group(), At: r.At.UTC(), Operator: r.Operator, Reason: r.Reason, Target: r.Target,
		Moves: make([]Moved, len(r.Moves)),
	}
	for i, m := range r.Moves {
		out.Moves[i] = Moved{Topic: m.Topic, Partition: m.Partition, From: m.From, To: m.To, LogStart: m.LogStart}
	}
	return out
}

func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, patience, errUnavailable)
}

// problem answers with what err means to the operator.
func (a *API) problem(w http.ResponseWriter, r *http.Request, err error) {
	var refused *messaging.RefusedError
	switch {
	case errors.As(err, &refused):
		httpserver.WriteProblem(w, r, httpserver.NewProblem(http.StatusUnprocessableEntity, "refused", refused.Error()).
			Titled("It cannot be read again from there"))
	case errors.Is(err, messaging.ErrNoPosition):
		httpserver.WriteProblem(w, r, httpserver.NewProblem(http.StatusUnprocessableEntity, "no-position",
			"This program reads no such topic or partition, or has not begun to.").Titled("It is not read here"))
	default:
		passes := errors.Is(err, messaging.ErrNoKafka) || errors.Is(err, errUnavailable) || errors.Is(err, context.Canceled) ||
			errors.Is(err, context.DeadlineExceeded) || postgres.IsTransient(err)
		httpserver.Fail(w, r, a.log, err, passes, "The wish may have been granted: repeat it with its Idempotency-Key.")
	}
}
