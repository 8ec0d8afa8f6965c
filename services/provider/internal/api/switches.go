package api

import (
	"net/http"
	"slices"

	"ordersaga.internal/services/provider/internal/faults"
)

func (s *Server) listFaults(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string][]faults.Switch{"items": s.board.List()})
}

// switchBody is a faults.Switch as callers spell it.
type switchBody struct {
	Operation string      `json:"operation"`
	Reference text        `json:"reference"`
	Fault     faults.Kind `json:"fault"`
	Code      text        `json:"code"`
	Times     integer     `json:"times"`
	DelayMS   integer     `json:"delay_ms"`
}

func (s *Server) setFault(w http.ResponseWriter, r *http.Request) {
	var body switchBody
	if !decode(w, r, &body) {
		return
	}
	operations := []string{"authorize", "capture", "void", "refund", "get", "close", "*"}
	switch {
	case !slices.Contains(operations, body.Operation):
		problem(w, http.StatusBadRequest, "invalid-request", "operation must be authorize, capture, void, refund, get, close or *")
	case !slices.Contains(faults.Kinds(), body.Fault):
		problem(w, http.StatusBadRequest, "invalid-request",
			"fault must be refuse, refuse_forget, timeout_before, timeout_after, 5xx, late, slow or slow_after")
	case body.Times < 0 || body.DelayMS < 0 || body.DelayMS > 600_000:
		problem(w, http.StatusBadRequest, "invalid-request", "times must not be negative, delay_ms must be 0 to 600000")
	default:
		on := faults.Switch{
			Operation: body.Operation, Reference: string(body.Reference), Fault: body.Fault, Code: string(body.Code),
			Times: int(body.Times), DelayMS: int64(body.DelayMS),
		}
		s.board.Set(on)
		writeJSON(w, http.StatusCreated, on)
	}
}

func (s *Server) forgetKeys(w http.ResponseWriter, _ *http.Request) {
	s.store.ForgetKeys()
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) clearFaults(w http.ResponseWriter, _ *http.Request) {
	s.board.Clear()
	w.WriteHeader(http.StatusNoContent)
}
