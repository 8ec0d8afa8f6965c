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
	var flawed *messaging.FlawedError
	var pg *pgconn.PgError
	switch {
	case errors.Is(err, messaging.ErrNoLetter):
		httpserver.WriteProblem(w, r, httpserver.NewProblem(http.StatusNotFound, "not-found",
			"There is no such letter: it was handled, superseded or discarded, or never was."))
	case errors.Is(err, messaging.ErrNoEntry):
		httpserver.WriteProblem(w, r, httpserver.NewProblem(http.StatusNotFound, "not-found", "There is no such entry in the audit."))
	case errors.Is(err, messaging.ErrKeyWaits):
		httpserver.WriteProblem(w, r, httpserver.NewProblem(http.StatusConflict, "key-waits", err.Error()).Titled("Its key waits"))
	case errors.Is(err, messaging.ErrOtherEdit):
		httpserver.WriteProblem(w, r, httpserver.NewProblem(http.StatusUnprocessableEntity, "idempotency-key-reused", err.Error()).
			Titled("The key was used for another edit"))
	case errors.As(err, &flawed):
		httpserver.WriteProblem(w, r, httpserver.NewProblem(http.StatusUnprocessableEntity, "unreadable", err.Error()).
			Titled("The letter would not be readable"))
	case errors.As(err, &pg) && pg.Code == "23505":
		httpserver.WriteProblem(w, r, httpserver.NewProblem(http.StatusConflict, "same-command", "").Titled("Another letter is the same command"))
	default:
		passes := errors.Is(err, errUnavailable) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || postgres.IsTransient(err)
		httpserver.Fail(w, r, a.log, err, passes, "The wish may have been granted: repeat it with its Idempotency-Key.")
	}
}
