package trail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/infra/kafka"
	"ordersaga.internal/infra/postgres"
)

// Own is a table of the service itself. SQL selects its rows of subject $1, in their order.
type Own struct{ Name, SQL string }

// Config of Routes. Everything is required but Tables.
type Config struct {
	Service    string // the machine's, which is also its group
	Partitions int32  // of every topic
	Document   []byte // the OpenAPI document, in YAML
	Tables     []Own
	Pool       *pgxpool.Pool
	Log        *slog.Logger
}

// patience is how long a request waits for the database.
const patience = 5 * time.Second

// Routes adds GET /admin/v1/trails/{subject} to the routes of the admin port, which has authenticated the request and asked for the role.
func Routes(c Config) (func(chi.Router), error) {
	strict := NewStrictHandlerWithOptions(api{c}, nil, StrictHTTPServerOptions{
		RequestErrorHandlerFunc: httpserver.BadRequest, ResponseErrorHandlerFunc: c.problem,
	})
	handler, err := httpserver.Documented(c.Document, func(base chi.Router) http.Handler {
		return HandlerWithOptions(strict, ChiServerOptions{BaseRouter: base, ErrorHandlerFunc: httpserver.BadRequest})
	})
	if err != nil {
		return nil, fmt.Errorf("trails: %w", err)
	}
	return func(r chi.Router) { r.Handle("/trails/*", handler) }, nil
}

type api struct{ Config }

var _ StrictServerInterface = api{}

// GetTrail returns the trail of a subject.
func (a api) GetTrail(ctx context.Context, r GetTrailRequestObject) (GetTrailResponseObject, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	out, err := a.read(ctx, r.Subject)
	if err != nil {
		return nil, fmt.Errorf("read a trail: %w", err)
	}
	return GetTrail200JSONResponse(out), nil
}

// read takes everything from one snapshot, in one round trip.
func (c Config) read(ctx context.Context, subject uuid.UUID) (out Trail, err error) {
	out.Service, out.Subject = c.Service, subject
	out.Partition = kafka.Partition([]byte(subject.String()), c.Partitions)
	out.Tables = make([]Table, len(c.Tables))
	batch := &pgx.Batch{}
	queue := func(sql string, into any) {
		batch.Queue(asArray(sql), pgtype.UUID{Bytes: subject, Valid: true}, out.Partition, c.Service).QueryRow(func(row pgx.Row) error {
			var raw []byte
			if err := row.Scan(&raw); err != nil {
				return err
			}
			return json.Unmarshal(raw, into)
		})
	}
	for i, table := range c.Tables {
		out.Tables[i].Name = table.Name
		queue(table.SQL, &out.Tables[i].Rows)
	}
	queue(outboxSQL, &out.Outbox)
	queue(fenceSQL, &out.Fence)
	queue(lettersSQL, &out.DeadLetters)
	queue(positionsSQL, &out.Positions)
	batch.Queue(nowSQL).QueryRow(func(row pgx.Row) error { return row.Scan(&out.ReadAt) })
	err = pgx.BeginTxFunc(ctx, c.Pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		return tx.SendBatch(ctx, batch).Close()
	})
	out.ReadAt = out.ReadAt.UTC()
	return out, err
}

func (c Config) problem(w http.ResponseWriter, r *http.Request, err error) {
	passes := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || postgres.IsTransient(err)
	httpserver.Fail(w, r, c.Log, err, passes, "Try again.")
}
