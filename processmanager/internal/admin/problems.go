package admin

import (
	"context"
	"errors"
	"net/http"

	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/postgres"
	"ordersaga.internal/infra/program"
	"ordersaga.internal/processmanager/internal/runner"
	"ordersaga.internal/processmanager/internal/store"
)

var errUnavailable = errors.New("the database did not answer in time; the effect is unknown")

// problem answers with what err means to the operator.
func (a *API) problem(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case isAny(err, store.ErrNotFound, runner.ErrNoInstance, runner.ErrNotKept, runner.ErrTooNew, runner.ErrNotV7):
		httpserver.WriteProblem(w, r, httpserver.NewProblem(http.StatusNotFound, "not-found", "No saga instance of this order is kept here."))
	case errors.Is(err, store.ErrNoStorm):
		httpserver.WriteProblem(w, r, httpserver.NewProblem(http.StatusNotFound, "not-found", "There is no such deadline storm."))
	case isAny(err, errBusy, errSlow, program.ErrNotReachable):
		w.Header().Set("Retry-After", "10")
		httpserver.WriteProblem(w, r, httpserver.NewProblem(http.StatusServiceUnavailable, "unavailable", err.Error()))
	default:
		passes := isAny(err, errUnavailable, messaging.ErrOverloaded, messaging.ErrClosed, context.Canceled, context.DeadlineExceeded)
		httpserver.Fail(w, r, a.Log, err, passes || postgres.IsTransient(err), "Read the instance, then try again.")
	}
}

func isAny(err error, targets ...error) bool {
	for _, target := range targets {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// denied is a wish that the saga's rules do not allow.
func denied(why string) error {
	return httpserver.NewProblem(http.StatusConflict, "denied", why).Titled("The saga's rules do not allow this now")
}

func unknownStep(pointer string) error {
	return httpserver.NewProblem(http.StatusUnprocessableEntity, "unknown-step", "").Titled("The saga has no such step").With(httpserver.FieldError{Pointer: pointer, Detail: "no step of any version has this name"})
}
