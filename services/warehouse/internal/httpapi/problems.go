package httpapi

import (
	"context"
	"errors"
	"net/http"

	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/infra/messaging"
	"ordersaga.internal/infra/postgres"
	"ordersaga.internal/services/warehouse/internal/stock"
)

// refusals are what the domain says no to, as the contract spells it.
var refusals = []struct {
	err    error
	status int
	code   string
}{
	{stock.ErrUnknownSKU, http.StatusNotFound, "not-found"},
	{stock.ErrTooMuchDamage, http.StatusUnprocessableEntity, "too-much-damage"},
	{stock.ErrTooMuchStock, http.StatusUnprocessableEntity, "too-much-stock"},
	{stock.ErrKeyReused, http.StatusUnprocessableEntity, "idempotency-key-reused"},
}

// problem answers with what err means to the client.
func (a api) problem(w http.ResponseWriter, r *http.Request, err error) {
	for _, refusal := range refusals {
		if errors.Is(err, refusal.err) {
			httpserver.WriteProblem(w, r, httpserver.NewProblem(refusal.status, refusal.code, refusal.err.Error()))
			return
		}
	}
	httpserver.Fail(w, r, a.Log, err, unavailable(err), "try again; a request with an Idempotency-Key with the same one")
}

func unavailable(err error) bool {
	for _, known := range []error{
		messaging.ErrOverloaded, messaging.ErrClosed, context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return postgres.IsTransient(err)
}
