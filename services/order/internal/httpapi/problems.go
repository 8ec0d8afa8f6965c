package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/postgres"
	"ordersaga.internal/services/order/internal/ordering"
)

var (
	errUnavailable = errors.New("the database did not answer in time; the effect is unknown")
	errKeyInUse    = errors.New("the first request with this Idempotency-Key is still being worked on")
)

const retrySeconds = 2 // what Retry-After says

// problem answers with what err means to the client.
func (a *API) problem(w http.ResponseWriter, r *http.Request, err error) {
	var (
		domain *ordering.Error
		ready  httpserver.Problem
	)
	switch {
	case errors.As(err, &domain):
		httpserver.WriteProblem(w, r, ofDomain(domain))
	case errors.As(err, &ready):
		if ready.Status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", strconv.Itoa(retrySeconds))
		}
		httpserver.WriteProblem(w, r, ready)
	case errors.Is(err, errKeyInUse):
		w.Header().Set("Retry-After", strconv.Itoa(retrySeconds))
		httpserver.WriteProblem(w, r, httpserver.NewProblem(http.StatusConflict, "idempotency-key-in-use", err.Error()))
	default:
		httpserver.Fail(w, r, a.Log, err, unavailable(err), "try again; a request with an Idempotency-Key with the same one")
	}
}

func unavailable(err error) bool {
	for _, known := range []error{
		errUnavailable, messaging.ErrOverloaded, messaging.ErrClosed, context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return postgres.IsTransient(err)
}

func ofDomain(e *ordering.Error) httpserver.Problem {
	status := http.StatusUnprocessableEntity
	switch e.Code {
	case ordering.NotFound:
		status = http.StatusNotFound
	case ordering.Final:
		status = http.StatusConflict
	}
	p := httpserver.NewProblem(status, string(e.Code), e.Detail)
	for _, f := range e.Faults {
		p.Errors = append(p.Errors, httpserver.FieldError{Pointer: f.Pointer, Detail: f.Detail})
	}
	return p
}
