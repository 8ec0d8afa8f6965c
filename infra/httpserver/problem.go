package httpserver

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
)

// Problem is an RFC 9457 problem: the body of every answer from 400 up. It is an error too, so that inner layers can
// return one.
type Problem struct {
	Type     string       `json:"type"`  // "/problems/<code>"
	Title    string       `json:"title"` // the same for every problem of the type
	Status   int          `json:"status"`
	Detail   string       `json:"detail,omitempty"`
	Instance string       `json:"instance,omitempty"` // the request's path
	Errors   []FieldError `json:"errors,omitempty"`
}

// FieldError says what is wrong with one part of a request. Detail never repeats the value, which may be a secret.
type FieldError struct {
	// Pointer is a JSON pointer into the body ("/lines/0/quantity"), or "#/query/limit", "#/path/id", "#/header/<Name>".
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

// titles of the codes that this package uses. Other codes have their status' text as title.
var titles = map[string]string{
	"missing-token":          "A bearer token is required",
	"invalid-token":          "The bearer token is not valid",
	"forbidden":              "The token does not allow this",
	"not-found":              "There is nothing here",
	"method-not-allowed":     "The method is not allowed here",
	"invalid-json":           "The body is not JSON",
	"schema":                 "The request does not match its description",
	"too-large":              "The body is too large",
	"unsupported-media-type": "The content type is not supported",
	"unavailable":            "Not available for now",
	"overloaded":             "Too much at once",
	"internal":               "Something went wrong on our side",
}

// NewProblem returns a problem of type /problems/<code>.
func NewProblem(status int, code, detail string) Problem {
	title, ok := titles[code]
	if !ok {
		title = http.StatusText(status)
	}
	return Problem{Type: "/problems/" + code, Title: title, Status: status, Detail: detail}
}

// With returns the problem with field errors.
func (p Problem) With(errs ...FieldError) Problem {
	p.Errors = append(p.Errors[:len(p.Errors):len(p.Errors)], errs...)
	return p
}

func (p Problem) Error() string {
	if p.Detail == "" {
		return p.Title
	}
	return p.Detail
}

// Titled returns the problem with a title of its own.
func (p Problem) Titled(title string) Problem {
	p.Title = title
	return p
}

// WriteProblem answers with p.
func WriteProblem(w http.ResponseWriter, r *http.Request, p Problem) {
	if p.Instance == "" {
		p.Instance = r.URL.Path
	}
	body, err := json.Marshal(p)
	if err != nil { // cannot be: strings and numbers only
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Del("ETag")
	h.Set("Content-Type", "application/problem+json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n')) // whoever asked may be gone
}

// WriteError answers with the problem that err is or wraps; with 413 for a body over the limit; with 500 for anything
// else, whose words stay inside: it is for the caller to log.
func WriteError(w http.ResponseWriter, r *http.Request, err error) {
	var p Problem
	if !errors.As(err, &p) {
		p = problemOf(err)
	}
	WriteProblem(w, r, p)
}

// Fail answers for what went wrong, and logs it: with 503 where it passes by itself, detail saying what to do meanwhile, else
// as WriteError. A Problem is an answer, and nothing that went wrong.
func Fail(w http.ResponseWriter, r *http.Request, log *slog.Logger, err error, passes bool, detail string) {
	var ready Problem
	switch {
	case errors.As(err, &ready):
		WriteProblem(w, r, ready)
	case passes:
		log.WarnContext(r.Context(), "cannot serve", "path", r.URL.Path, "error", err)
		w.Header().Set("Retry-After", "2")
		WriteProblem(w, r, NewProblem(http.StatusServiceUnavailable, "unavailable", detail))
	default:
		log.ErrorContext(r.Context(), "request failed", "path", r.URL.Path, "error", err)
		WriteError(w, r, err)
	}
}

// BadRequest answers what the contract's check let pass and the generated code does not take: 413 for a body over the
// limit, else 400. It has the shape of the generated servers' error handlers.
func BadRequest(w http.ResponseWriter, r *http.Request, err error) {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		WriteError(w, r, err)
		return
	}
	WriteProblem(w, r, NewProblem(http.StatusBadRequest, "schema", err.Error()))
}

// BadParameter is the problem of a parameter that the contract's check let pass: pointer is like "#/query/cursor".
func BadParameter(pointer, detail string) error {
	return NewProblem(http.StatusBadRequest, "schema", "").With(FieldError{Pointer: pointer, Detail: detail})
}

func problemOf(err error) Problem {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return tooLarge(large.Limit)
	}
	return NewProblem(http.StatusInternalServerError, "internal", "")
}

// NotFound answers 404, for routers.
func NotFound(w http.ResponseWriter, r *http.Request) {
	WriteProblem(w, r, NewProblem(http.StatusNotFound, "not-found", ""))
}

// WriteJSON answers with v.
func WriteJSON(w http.ResponseWriter, r *http.Request, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		WriteError(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // whoever asked may be gone
}
