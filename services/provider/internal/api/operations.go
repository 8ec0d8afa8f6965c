package api

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"time"
	"unicode/utf8"

	"ordersaga.internal/services/provider/internal/charges"
	"ordersaga.internal/services/provider/internal/faults"
)

type authorizeBody struct {
	AmountMinor   integer `json:"amount_minor"`
	Currency      string  `json:"currency"`
	PaymentMethod string  `json:"payment_method"`
	Reference     string  `json:"reference"`
}

type captureBody struct {
	AmountMinor integer `json:"amount_minor"`
	Currency    string  `json:"currency"`
}

var currency = regexp.MustCompile(`^[A-Z]{3}$`)

func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	var body authorizeBody
	if !decode(w, r, &body) {
		return
	}
	if !named(body.PaymentMethod) || !named(body.Reference) {
		problem(w, http.StatusBadRequest, "invalid-request", "payment_method and reference need 1 to 255 characters")
		return
	}
	s.do(w, r, charges.Request{
		Operation: charges.Authorize, Reference: body.Reference, PaymentMethod: body.PaymentMethod,
		AmountMinor: int64(body.AmountMinor), Currency: body.Currency,
	})
}

func (s *Server) capture(w http.ResponseWriter, r *http.Request) {
	var body captureBody
	if !decode(w, r, &body) {
		return
	}
	s.do(w, r, charges.Request{
		Operation: charges.Capture, Target: r.PathValue("id"), AmountMinor: int64(body.AmountMinor), Currency: body.Currency,
	})
}

func (s *Server) void(w http.ResponseWriter, r *http.Request) {
	s.do(w, r, charges.Request{Operation: charges.Void, Target: r.PathValue("id")})
}

func (s *Server) refund(w http.ResponseWriter, r *http.Request) {
	s.do(w, r, charges.Request{Operation: charges.Refund, Target: r.PathValue("id")})
}

// named tells whether a name has 1 to 255 characters.
func named(s string) bool { return s != "" && utf8.RuneCountInString(s) <= 255 }

// do executes a request under the fault that befalls it.
func (s *Server) do(w http.ResponseWriter, r *http.Request, q charges.Request) {
	q.Key = r.Header.Get("Idempotency-Key")
	if !named(q.Key) {
		problem(w, http.StatusBadRequest, "invalid-request", "Idempotency-Key needs 1 to 255 characters")
		return
	}
	asks := q.Operation == charges.Authorize || q.Operation == charges.Capture
	if asks && (q.AmountMinor < 1 || q.AmountMinor > maxInteger || !currency.MatchString(q.Currency)) {
		problem(w, http.StatusBadRequest, "invalid-request", "amount_minor must be positive, currency three capital letters")
		return
	}
	reference, method := s.store.Subject(q)
	fault := s.board.For(string(q.Operation), q.Key, reference, method)
	if !s.before(w, r, fault, q) {
		return
	}
	e, err := s.store.Execute(r.Context(), q, refusal(fault))
	switch fault.Kind {
	case faults.TimeoutAfter:
		s.hang(r, string(q.Operation))
	case faults.SlowAfter:
		pause(r.Context(), fault.Delay)
	}
	s.answer(w, string(q.Operation), e, err)
}

func refusal(f faults.Fault) charges.Refusal {
	switch {
	case f.Kind != faults.Refuse && f.Kind != faults.RefuseForget:
		return charges.Refusal{}
	case f.Code == "":
		f.Code = charges.CodeSwitched
	}
	return charges.Refusal{Code: f.Code, Forget: f.Kind == faults.RefuseForget}
}

// before acts out the faults that come before the effect. It returns false if the request ends here.
func (s *Server) before(w http.ResponseWriter, r *http.Request, f faults.Fault, q charges.Request) bool {
	op := string(q.Operation)
	switch f.Kind {
	case faults.Unavailable:
		s.calls.WithLabelValues(op, "unavailable").Inc()
		problem(w, http.StatusServiceUnavailable, "unavailable", "try again")
		return false
	case faults.TimeoutBefore:
		s.hang(r, op)
	case faults.Late:
		s.late.Go(func() {
			if pause(s.ctx, f.Delay) {
				_, _ = s.store.Execute(s.ctx, q, charges.Refusal{}) // nobody waits for it
			}
		})
		s.hang(r, op)
	case faults.Slow:
		return pause(r.Context(), f.Delay)
	case faults.None, faults.Refuse, faults.RefuseForget, faults.TimeoutAfter, faults.SlowAfter:
	}
	return true
}

// hang keeps the caller waiting, then cuts the connection. It does not return.
func (s *Server) hang(r *http.Request, operation string) {
	s.calls.WithLabelValues(operation, "unanswered").Inc()
	pause(r.Context(), s.config.Hold)
	panic(http.ErrAbortHandler)
}

// pause returns false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *Server) answer(w http.ResponseWriter, operation string, e charges.Entry, err error) {
	switch {
	case errors.Is(err, charges.ErrKeyReused):
		s.calls.WithLabelValues(operation, "key_reused").Inc()
		problem(w, http.StatusUnprocessableEntity, "idempotency-key-reused", err.Error())
	case errors.Is(err, charges.ErrNotFound):
		s.calls.WithLabelValues(operation, "not_found").Inc()
		problem(w, http.StatusNotFound, "not-found", err.Error())
	case err != nil:
		s.calls.WithLabelValues(operation, "failed").Inc()
		problem(w, http.StatusInternalServerError, "internal", "the outcome is unknown: repeat with the same key")
	default:
		s.calls.WithLabelValues(operation, string(e.Outcome)).Inc()
		writeJSON(w, status(e), e)
	}
}

func status(e charges.Entry) int {
	switch e.Outcome {
	case charges.Refused:
		return http.StatusPaymentRequired
	case charges.Closed:
		return http.StatusConflict
	case charges.Succeeded:
	}
	return http.StatusOK
}
