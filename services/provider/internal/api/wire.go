package api

import (
	"encoding/json"
	"errors"
	"net/http"
)

const maxBody = 64 << 10

// decode reads the request's body, strictly. It answers and returns false where it does not fit.
func decode(w http.ResponseWriter, r *http.Request, into any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		return true
	}
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		problem(w, http.StatusRequestEntityTooLarge, "too-large", "the body is too large")
		return false
	}
	problem(w, http.StatusBadRequest, "invalid-request", "the body is not the JSON that is asked for: "+err.Error())
	return false
}

// writeJSON answers. A caller that is gone cannot be told anything: errors are of no use.
func writeJSON(w http.ResponseWriter, status int, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	w.Header()["Content-Type"] = contentJSON
	w.WriteHeader(status)
	_, _ = w.Write(data)
}

var contentJSON = []string{"application/json"}

// problem answers as RFC 9457 has it.
func problem(w http.ResponseWriter, status int, code, detail string) {
	data, err := json.Marshal(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{"/problems/" + code, http.StatusText(status), status, detail})
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = w.Write(data)
}
