package httpserver

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Contract is an OpenAPI 3.1 document, ready to hold requests against. Its schemas are JSON Schema 2020-12, compiled once.
//
// Of the document it uses paths with their methods, parameters (path, query, header; strings, numbers, booleans) and
// JSON request bodies. $ref may point anywhere inside the document.
type Contract struct{ routes []*route }

// route is one path of the document.
type route struct {
	segments   []string       // a parameter is ""
	names      map[string]int // parameter name to segment
	operations map[string]*operation
	allow      string // methods, as the Allow header has them
}

type operation struct {
	parameters []parameter
	query      map[string]bool // the names of query parameters
	body       *body           // nil: none
}

type parameter struct {
	name, in string
	required bool
	kind     string // integer, number, boolean; anything else is compared as a string
	schema   *jsonschema.Schema
}

type body struct {
	required bool
	schemas  map[string]*jsonschema.Schema // by media type
}

// Middleware answers requests that break the contract: 404 and 405 for unknown paths and methods, 413, 415, and 400 with
// every fault and its pointer. The handler finds the body unread.
func (c *Contract) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		segments := split(r.URL.EscapedPath())
		found := c.find(segments)
		if found == nil {
			NotFound(w, r)
			return
		}
		op := found.operations[r.Method]
		if op == nil {
			MethodNotAllowed(found.allow)(w, r)
			return
		}
		faults := op.checkParameters(r, found, segments)
		if len(faults) > 0 {
			WriteProblem(w, r, NewProblem(http.StatusBadRequest, "schema", "").With(faults...))
			return
		}
		if err := op.checkBody(w, r); err != nil {
			WriteError(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// find returns the route of a path, or nil.
func (c *Contract) find(segments []string) *route {
	for _, r := range c.routes {
		if slices.EqualFunc(r.segments, segments, func(want, have string) bool {
			return want == have || want == "" // an empty parameter is a fault of the parameter
		}) {
			return r
		}
	}
	return nil
}

// split takes an escaped path apart, so that an escaped slash stays inside its segment.
func split(path string) []string {
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, s := range segments {
		if plain, err := url.PathUnescape(s); err == nil {
			segments[i] = plain
		}
	}
	return segments
}
