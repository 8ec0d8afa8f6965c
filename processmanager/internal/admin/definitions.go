package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"ordersaga.internal/infra/httpserver"
	"ordersaga.internal/processmanager/internal/recorded"
	"ordersaga.internal/processmanager/internal/shadow"
	"ordersaga.internal/processmanager/saga"
)

// diffPatience is how long a replay of recorded orders may take, diffOrders how many they are where nobody says.
const (
	diffPatience = 30 * time.Second
	diffOrders   = 200
)

var (
	errBusy = errors.New("another comparison runs on this replica: ask again when it has ended")
	errSlow = fmt.Errorf("the histories were not read and replayed within %s: ask for fewer, or run processmanager definition diff", diffPatience)
)

// ListDefinitions returns every version in flight.
func (a *API) ListDefinitions(context.Context, ListDefinitionsRequestObject) (ListDefinitionsResponseObject, error) {
	out := ListDefinitions200JSONResponse{Items: make([]Definition, len(a.Definitions))}
	for i, d := range a.Definitions {
		out.Items[i] = Definition{Name: d.Name, Version: d.Version, Starts: d.Starts, Steps: d.Steps, Mermaid: d.Mermaid()}
	}
	return out, nil
}

// diffed is the report as its own package spells it, for programs and for people.
type diffed struct {
	shadow.Report

	Text string `json:"text"`
}

// VisitDiffDefinitionsResponse writes it.
func (d diffed) VisitDiffDefinitionsResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	return json.NewEncoder(w).Encode(d)
}

// DiffDefinitions replays recorded orders under another version than theirs.
func (a *API) DiffDefinitions(ctx context.Context, r DiffDefinitionsRequestObject) (DiffDefinitionsResponseObject, error) {
	w := recorded.Wanted{Limit: diffOrders, Order: uuid.Nil}
	if r.Params.Limit != nil {
		w.Limit = *r.Params.Limit
	}
	if r.Params.Order != nil {
		w.Order = *r.Params.Order
	}
	var to shadow.Version
	var err error
	if w.Version, err = a.version(r.Params.From, "#/query/from"); err != nil {
		return nil, err
	}
	if to, err = a.version(r.Params.To, "#/query/to"); err != nil {
		return nil, err
	}
	if !a.diff.TryLock() {
		return nil, errBusy
	}
	defer a.diff.Unlock()
	ctx, cancel := context.WithTimeoutCause(ctx, diffPatience, errSlow)
	defer cancel()
	report, err := a.Diff(ctx, w, to)
	switch {
	case errors.Is(context.Cause(ctx), errSlow):
		return nil, errSlow
	case errors.Is(err, recorded.ErrOtherVersion):
		return nil, unknownVersion("#/query/from", err.Error())
	case err != nil:
		return nil, err
	}
	var text strings.Builder
	err = report.Write(&text)
	return diffed{report, text.String()}, err
}

// version is the one with a number, which must be registered here.
func (a *API) version(number int, pointer string) (shadow.Version, error) {
	i := slices.IndexFunc(a.Definitions, func(d saga.Outline) bool { return d.Version == number })
	if i < 0 {
		return shadow.Version{}, unknownVersion(pointer, fmt.Sprintf("this program holds no version %d", number))
	}
	return shadow.Version{Definition: a.Definitions[i].Name, Version: number}, nil
}

func unknownVersion(pointer, why string) error {
	return httpserver.NewProblem(http.StatusUnprocessableEntity, "unknown-version", "").Titled("There is nothing to compare").With(httpserver.FieldError{Pointer: pointer, Detail: why})
}
