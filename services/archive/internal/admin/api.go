package admin

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/go-chi/chi/v5"

	"ordersaga.internal/contracts/openapi"
	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/infra/postgres"
	"ordersaga.internal/services/archive/internal/store"
	"ordersaga.internal/services/archive/internal/verify"
)

// patience is how long a request waits for the database.
const patience = 10 * time.Second

const defaultPage = 20

var errUnavailable = errors.New("the database did not answer in time")

// Deps is what an API is built on. All fields are required.
type Deps struct {
	DB         store.Querier
	Verify     func(ctx context.Context, at store.Place, after verify.Cursor, limit int) (*verify.Report, *verify.Cursor, error)
	Topics     []string // of the contract
	Partitions int32    // of each
	Log        *slog.Logger
}

// API serves the contract's operations.
type API struct{ Deps }

var _ StrictServerInterface = (*API)(nil)

// New returns an API.
func New(d Deps) *API { return &API{d} }

// Routes adds the routes to those of the admin port, which has authenticated the request and asked for the role.
func (a *API) Routes() (func(chi.Router), error) {
	document, err := openapi.Document("archive")
	if err != nil {
		return nil, err
	}
	strict := NewStrictHandlerWithOptions(a, nil, StrictHTTPServerOptions{
		RequestErrorHandlerFunc: httpserver.BadRequest, ResponseErrorHandlerFunc: a.problem,
	})
	handler, err := httpserver.Documented(document, func(base chi.Router) http.Handler {
		return HandlerWithOptions(strict, ChiServerOptions{BaseRouter: base, ErrorHandlerFunc: httpserver.BadRequest})
	})
	if err != nil {
		return nil, fmt.Errorf("admin API: %w", err)
	}
	return func(r chi.Router) { r.Handle("/archive/*", handler) }, nil
}

// FindRecords returns a page, the oldest first.
func (a *API) FindRecords(ctx context.Context, r FindRecordsRequestObject) (FindRecordsResponseObject, error) {
	p := r.Params
	f, err := p.filter()
	if err != nil {
		return nil, err
	}
	ctx, cancel := bounded(ctx, patience)
	defer cancel()
	streams, err := store.Streams(ctx, a.DB)
	if err != nil {
		return nil, err
	}
	if p.Topic != nil {
		f.Streams = []int16{}
		for _, s := range streams {
			if s.Topic == *p.Topic {
				f.Streams = append(f.Streams, s.ID)
			}
		}
	}
	rows, more, err := store.Find(ctx, a.DB, f, pageSize(p.Limit))
	if err != nil {
		return nil, err
	}
	page, err := toPage(rows, streams, more)
	return FindRecords200JSONResponse(page), err
}

func (p FindRecordsParams) filter() (f store.Filter, err error) {
	if p.Key != nil {
		f.Key = []byte(*p.Key)
	}
	if p.Type != nil {
		if f.Type = *p.Type; !utf8.ValidString(f.Type) {
			return f, httpserver.BadParameter("#/query/type", "not UTF-8")
		}
	}
	if p.From != nil {
		f.From = known(*p.From)
	}
	if p.To != nil {
		f.To = known(*p.To)
	}
	f.After, err = parseCursor(p.Cursor)
	return f, err
}

// ReadLog returns a page of a partition, in the order of its log: of its streams, the oldest first.
func (a *API) ReadLog(ctx context.Context, r ReadLogRequestObject) (ReadLogResponseObject, error) {
	after, err := parseCursor(r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	ctx, cancel := bounded(ctx, patience)
	defer cancel()
	streams, err := store.Streams(ctx, a.DB)
	if err != nil {
		return nil, err
	}
	place := store.Place{Topic: r.Topic, Partition: int32(r.Partition)}
	for i, s := range streams {
		if s.Place != place || s.ID < after.Stream {
			continue
		}
		offset := int64(-1)
		if s.ID == after.Stream {
			offset = after.Offset
		}
		rows, more, err := store.Log(ctx, a.DB, s.ID, offset, pageSize(r.Params.Limit))
		if err != nil {
			return nil, err
		}
		if len(rows) == 0 {
			continue
		}
		next := slices.ContainsFunc(streams[i+1:], func(s *store.Stream) bool { return s.Place == place })
		page, err := toPage(rows, streams, more || next)
		return ReadLog200JSONResponse(page), err
	}
	return ReadLog200JSONResponse{Items: []Record{}}, nil
}

// ListStreams returns all of them.
func (a *API) ListStreams(ctx context.Context, _ ListStreamsRequestObject) (ListStreamsResponseObject, error) {
	ctx, cancel := bounded(ctx, patience)
	defer cancel()
	streams, err := store.Streams(ctx, a.DB)
	if err != nil {
		return nil, err
	}
	page := ListStreams200JSONResponse{Items: make([]Stream, len(streams))}
	for i, s := range streams {
		page.Items[i] = toStream(s)
	}
	return page, nil
}

func pageSize(limit *int) int {
	if limit == nil {
		return defaultPage
	}
	return *limit
}

// cursor leads to what comes after a record.
func cursor(r *store.Row) *string {
	b := binary.BigEndian.AppendUint64(nil, uint64(r.AppendedAt.UnixMilli()))
	b = binary.BigEndian.AppendUint16(b, uint16(r.Stream))
	b = binary.BigEndian.AppendUint64(b, uint64(r.Offset))
	return httpserver.Cursor(b)
}

// parseCursor returns the last of the page before, the zero At where there is none.
func parseCursor(c *string) (store.At, error) {
	b, err := httpserver.CursorKey(c, 18)
	if b == nil {
		return store.At{}, err
	}
	ms := min(max(int64(binary.BigEndian.Uint64(b)), earliest.UnixMilli()), latest.UnixMilli())
	return store.At{
		AppendedAt: time.UnixMilli(ms), Stream: int16(binary.BigEndian.Uint16(b[8:])), Offset: int64(binary.BigEndian.Uint64(b[10:])),
	}, nil
}

// What PostgreSQL takes as a time and Kafka can have: before and after there is nothing.
var (
	earliest = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
)

// known is the nearest time that a record can have.
func known(t time.Time) time.Time {
	switch {
	case t.Before(earliest):
		return earliest
	case t.After(latest):
		return latest
	}
	return t
}

func bounded(ctx context.Context, patience time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, patience, errUnavailable)
}

// problem answers with what err means to the operator.
func (a *API) problem(w http.ResponseWriter, r *http.Request, err error) {
	passes := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, errUnavailable) ||
		errors.Is(err, verify.ErrKafka) || postgres.IsTransient(err)
	httpserver.Fail(w, r, a.Log, err, passes, "Try again.")
}
