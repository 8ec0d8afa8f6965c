package deadletters

import (
	"context"
	"errors"
	"net/http"

	"github.com/jackc/pgx/v5/pgconn"

	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/postgres"
)

var errUnavailable = errors.New("the database did not answer in time; the effect is unknown")

// problem answers with what err means to the operator.
func (a *API) problem(w http.ResponseWriter, r *http.Request, err error) {
	var ready httpserver.Problem
	var flawed *messaging.FlawedError
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &ready):
		httpserver.WriteProblem(w, r, ready)
	case errors.Is(err, messaging.ErrNoLetter):
		httpserver.WriteProblem(w, r, httpserver.NewProblem(http.StatusNotFound, "not-found",
			"There is no such letter: it was handled, superseded or discarded, or never was."))
	case errors.Is(err, messaging.ErrNoEntry):
		httpserver.WriteProblem(w, r, httpserver.NewProblem(http.StatusNotFound, "not-found", "There is no such entry in the audit."))
	case errors.Is(err, messaging.ErrKeyWaits):
		httpserver.WriteProblem(w, r, titled(http.StatusConflict, "key-waits", "Its key waits", err.Error()))
	case errors.Is(err, messaging.ErrOtherEdit):
		httpserver.WriteProblem(w, r, titled(http.StatusUnprocessableEntity, "idempotency-key-reused", "The key was used for another edit", err.Error()))
	case errors.As(err, &flawed):
		httpserver.WriteProblem(w, r, titled(http.StatusUnprocessableEntity, "unreadable", "The letter would not be readable", err.Error()))
	case errors.As(err, &pg) && pg.Code == "23505":
		httpserver.WriteProblem(w, r, titled(http.StatusConflict, "same-command", "Another letter is the same command", ""))
	case errors.Is(err, errUnavailable), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), postgres.IsTransient(err):
		a.log.WarnContext(r.Context(), "cannot serve", "path", r.URL.Path, "error", err)
		w.Header().Set("Retry-After", "2")
		httpserver.WriteProblem(w, r, httpserver.NewProblem(http.StatusServiceUnavailable, "unavailable",
			"The wish may have been granted: repeat it with its Idempotency-Key."))
	default:
		a.log.ErrorContext(r.Context(), "request failed", "path", r.URL.Path, "error", err)
		httpserver.WriteError(w, r, err)
	}
}

func titled(status int, code, title, detail string) httpserver.Problem {
	p := httpserver.NewProblem(status, code, detail)
	p.Title = title
	return p
}
