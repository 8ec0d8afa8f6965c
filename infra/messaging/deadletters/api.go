package deadletters

import (
	"context"
	_ "embed"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/infra/messaging"
)

// Document is the OpenAPI 3.1 document of the interface.
//
//go:embed openapi.yaml
var Document []byte

// Machine is what a messaging.Machine offers operators.
type Machine interface {
	Group() string
	DeadLetters(ctx context.Context, f messaging.LetterFilter) ([]messaging.Letter, error)
	DeadLetter(ctx context.Context, id int64) (messaging.Letter, error)
	Redrive(ctx context.Context, letter int64, w messaging.Wish) (messaging.AuditEntry, error)
	EditLetter(ctx context.Context, letter int64, to messaging.Edit, w messaging.Wish) (messaging.AuditEntry, error)
	DiscardLetter(ctx context.Context, letter int64, w messaging.Wish) (messaging.AuditEntry, error)
	LetterAudit(ctx context.Context, f messaging.AuditFilter) ([]messaging.AuditEntry, error)
	LetterAuditEntry(ctx context.Context, id int64) (messaging.AuditEntry, error)
}

// patience is how long a request waits for the database; redriving has a longer one of its own.
const (
	patience    = 5 * time.Second
	defaultPage = 20
)

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
		return nil, fmt.Errorf("dead letters: %w", err)
	}
	return func(r chi.Router) {
		r.Handle("/deadletters", handler)
		r.Handle("/deadletters/*", handler)
	}, nil
}

// ListDeadLetters returns a page, the newest first.
func (a *API) ListDeadLetters(ctx context.Context, r ListDeadLettersRequestObject) (ListDeadLettersResponseObject, error) {
	p := r.Params
	before, limit, err := page(p.Cursor, p.Limit)
	if err != nil {
		return nil, err
	}
	filter := messaging.LetterFilter{
		Subject: or(p.Subject, uuid.Nil), Topic: or(p.Topic, ""), Reason: string(or(p.Reason, "")), Type: or(p.Type, ""),
		Waiting: p.Waiting, Before: before, Limit: limit + 1,
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	letters, err := a.machine.DeadLetters(ctx, filter)
	if err != nil {
		return nil, err
	}
	out := ListDeadLetters200JSONResponse{Items: make([]DeadLetter, 0, len(letters))}
	if len(letters) > limit {
		letters = letters[:limit]
		out.NextCursor = cursor(letters[limit-1].ID)
	}
	for i := range letters {
		out.Items = append(out.Items, a.letter(&letters[i]))
	}
	return out, nil
}

// GetDeadLetter returns a letter with its record.
func (a *API) GetDeadLetter(ctx context.Context, r GetDeadLetterRequestObject) (GetDeadLetterResponseObject, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	letter, err := a.machine.DeadLetter(ctx, r.LetterId)
	if err != nil {
		return nil, err
	}
	return GetDeadLetter200JSONResponse(a.whole(&letter)), nil
}

// RedriveDeadLetter handles the queue of the letter's key again.
func (a *API) RedriveDeadLetter(ctx context.Context, r RedriveDeadLetterRequestObject) (RedriveDeadLetterResponseObject, error) {
	entry, err := a.machine.Redrive(ctx, r.LetterId, wish(ctx, r.Body.Reason, r.Params.IdempotencyKey))
	if err != nil {
		return nil, err
	}
	a.tell(ctx, &entry)
	out := RedriveDeadLetter200JSONResponse{Entry: a.entry(&entry), Left: entry.Left}
	if entry.Stopped != nil {
		stopped := a.whole(entry.Stopped)
		out.Stopped = &stopped
	}
	return out, nil
}

// EditDeadLetter replaces bytes of a letter.
func (a *API) EditDeadLetter(ctx context.Context, r EditDeadLetterRequestObject) (EditDeadLetterResponseObject, error) {
	limited, cancel := bounded(ctx)
	defer cancel()
	to := messaging.Edit{}
	if r.Body.Value != nil {
		to.Value = fromBytes(r.Body.Value)
	}
	if r.Body.Key != nil {
		to.Key = fromBytes(r.Body.Key)
	}
	if r.Body.Headers != nil {
		to.Headers = fromHeaders(*r.Body.Headers)
	}
	entry, err := a.machine.EditLetter(limited, r.LetterId, to, wish(ctx, r.Body.Reason, r.Params.IdempotencyKey))
	if err != nil {
		return nil, err
	}
	a.tell(ctx, &entry)
	return EditDeadLetter200JSONResponse{EntryJSONResponse(a.wholeEntry(&entry))}, nil
}

// DiscardDeadLetter gives a letter up.
func (a *API) DiscardDeadLetter(ctx context.Context, r DiscardDeadLetterRequestObject) (DiscardDeadLetterResponseObject, error) {
	limited, cancel := bounded(ctx)
	defer cancel()
	entry, err := a.machine.DiscardLetter(limited, r.LetterId, wish(ctx, r.Body.Reason, r.Params.IdempotencyKey))
	if err != nil {
		return nil, err
	}
	a.tell(ctx, &entry)
	return DiscardDeadLetter200JSONResponse{EntryJSONResponse(a.wholeEntry(&entry))}, nil
}

// ListDeadLetterAudit returns a page, the newest first.
func (a *API) ListDeadLetterAudit(ctx context.Context, r ListDeadLetterAuditRequestObject) (ListDeadLetterAuditResponseObject, error) {
	before, limit, err := page(r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	entries, err := a.machine.LetterAudit(ctx, messaging.AuditFilter{
		Subject: or(r.Params.Subject, uuid.Nil), LetterID: or(r.Params.LetterId, 0), Before: before, Limit: limit + 1,
	})
	if err != nil {
		return nil, err
	}
	out := ListDeadLetterAudit200JSONResponse{Items: make([]Entry, 0, len(entries))}
	if len(entries) > limit {
		entries = entries[:limit]
		out.NextCursor = cursor(entries[limit-1].ID)
	}
	for i := range entries {
		out.Items = append(out.Items, a.entry(&entries[i]))
	}
	return out, nil
}

// GetDeadLetterAuditEntry returns an entry with the bytes before and after.
func (a *API) GetDeadLetterAuditEntry(ctx context.Context, r GetDeadLetterAuditEntryRequestObject) (GetDeadLetterAuditEntryResponseObject, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	entry, err := a.machine.LetterAuditEntry(ctx, r.EntryId)
	if err != nil {
		return nil, err
	}
	return GetDeadLetterAuditEntry200JSONResponse{EntryJSONResponse(a.wholeEntry(&entry))}, nil
}

func (a *API) tell(ctx context.Context, e *messaging.AuditEntry) {
	a.log.InfoContext(ctx, "an operator's wish about a dead letter", "action", e.Action, "letter_id", e.LetterID, "subject", e.Subject,
		"operator", e.Operator, "handled", e.Handled, "left", e.Left)
}

func wish(ctx context.Context, reason string, key *string) messaging.Wish {
	return messaging.Wish{Operator: httpserver.ClaimsFrom(ctx).Subject, Reason: reason, Key: or(key, "")}
}

func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, patience, errUnavailable)
}

// page returns the last id of the page before, 0 where there is none, and how many are wanted.
func page(c *string, limit *int) (before int64, size int, err error) {
	key, err := httpserver.CursorKey(c, 8)
	if key == nil {
		return 0, or(limit, defaultPage), err
	}
	before = int64(binary.BigEndian.Uint64(key))
	return max(1, before), or(limit, defaultPage), nil
}

// cursor leads to what comes after the last of a page.
func cursor(last int64) *string {
	return httpserver.Cursor(binary.BigEndian.AppendUint64(nil, uint64(last)))
}

func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
