package api

import (
	"io"
	"net/http"

	"ordersaga.internal/services/provider/internal/charges"
	"ordersaga.internal/services/provider/internal/faults"
)

// get answers what is remembered under a key.
func (s *Server) get(w http.ResponseWriter, r *http.Request) {
	key, ok := pathKey(w, r)
	if !ok {
		return
	}
	if !s.before(w, r, s.board.For("get", key, s.store.ReferenceUnder(key), ""), charges.Request{Operation: "get"}) {
		return
	}
	e, ok, err := s.store.Get(r.Context(), key)
	switch {
	case err != nil:
		s.answer(w, "get", e, err)
	case !ok:
		s.answer(w, "get", e, charges.ErrNotFound)
	default:
		s.calls.WithLabelValues("get", string(e.Outcome)).Inc()
		writeJSON(w, http.StatusOK, e)
	}
}

// close makes whatever comes later under the key fail, and answers what is remembered under it.
func (s *Server) close(w http.ResponseWriter, r *http.Request) {
	key, ok := pathKey(w, r)
	if !ok {
		return
	}
	fault := s.board.For("close", key, s.store.ReferenceUnder(key), "")
	if !s.before(w, r, fault, charges.Request{Operation: charges.Close, Key: key}) {
		return
	}
	e, err := s.store.Close(r.Context(), key)
	if fault.Kind == faults.TimeoutAfter {
		s.hang(r, "close")
	}
	if err != nil {
		s.answer(w, "close", e, err)
		return
	}
	s.calls.WithLabelValues("close", string(e.Outcome)).Inc()
	writeJSON(w, http.StatusOK, e)
}

// pathKey returns the key in the path. It answers and returns false where it can be none.
func pathKey(w http.ResponseWriter, r *http.Request) (key string, ok bool) {
	key = r.PathValue("key")
	if !named(key) {
		problem(w, http.StatusBadRequest, "invalid-request", "a key has 1 to 255 characters")
	}
	return key, named(key)
}

// find answers everything that happened under the caller's reference.
func (s *Server) find(w http.ResponseWriter, r *http.Request) {
	reference := r.URL.Query().Get("reference")
	if reference == "" {
		problem(w, http.StatusBadRequest, "invalid-request", "reference is needed")
		return
	}
	entries, err := s.store.Of(r.Context(), reference)
	if err != nil {
		s.answer(w, "find", charges.Entry{}, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string][]charges.Entry{"items": entries})
}

// ledger streams every entry, a JSON object a line.
func (s *Server) ledger(w http.ResponseWriter, _ *http.Request) {
	lines, err := s.store.Ledger()
	if err != nil {
		s.answer(w, "ledger", charges.Entry{}, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	_, copied := io.Copy(w, lines)
	if err := lines.Close(); err != nil || copied != nil {
		panic(http.ErrAbortHandler) // a cut connection, so that the reader does not take a part for the whole
	}
}
