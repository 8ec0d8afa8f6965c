package stripe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	api "github.com/stripe/stripe-go/v85"
)

// once sends a request under the key. Stripe remembers what it answered, server errors too, and replays them for a day: then
// it is asked once more without the key. That does nothing twice, because the intent bounds what can be done.
func once[T any](key string, send func(key *string) (T, error)) (T, error) {
	answer, err := send(&key)
	var e *api.Error
	if errors.As(err, &e) && e.HTTPStatusCode >= http.StatusInternalServerError &&
		e.LastResponse != nil && e.LastResponse.Header.Get("Idempotent-Replayed") == "true" {
		return send(nil)
	}
	return answer, err
}

// isRefusal tells whether Stripe says no to what was asked, so that repeating it is of no use. Anything else (its servers,
// too many requests, a key in use, our API key) says nothing about the outcome.
func isRefusal(err error) bool {
	var e *api.Error
	if !errors.As(err, &e) || e.Type == api.ErrorTypeIdempotency {
		return false
	}
	return e.HTTPStatusCode == http.StatusBadRequest || e.HTTPStatusCode == http.StatusPaymentRequired
}

// isState tells whether the refusal is only about the state that the intent is in.
func isState(err error) bool {
	var e *api.Error
	return errors.As(err, &e) && e.Code == api.ErrorCodePaymentIntentUnexpectedState
}

// code returns Stripe's own word for a refusal, never its message, which may name a person or a card.
func code(err error) string {
	var e *api.Error
	switch {
	case !errors.As(err, &e):
		return "unknown"
	case e.DeclineCode != "":
		return string(e.DeclineCode)
	case e.Code != "":
		return string(e.Code)
	}
	return string(e.Type)
}

// explain returns what may be logged of an error. Stripe's own carries all that is known about the card, and the library's
// show samples of bodies.
func explain(what string, err error) error {
	var e *api.Error
	var unreached *url.Error
	switch {
	case errors.As(err, &e):
		return fmt.Errorf("%s: Stripe answered %d %s", what, e.HTTPStatusCode, code(e))
	case errors.As(err, &unreached):
		return fmt.Errorf("%s: %w", what, unreached)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: %w", what, err)
	}
	return fmt.Errorf("%s: an answer that cannot be read", what)
}
