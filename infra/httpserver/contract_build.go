package httpserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// NewContract reads an OpenAPI 3.1 document in YAML or JSON and compiles its schemas.
func NewContract(document []byte) (*Contract, error) {
	c, err := newContract(document)
	if err != nil {
		return nil, fmt.Errorf("OpenAPI document: %w", err)
	}
	return c, nil
}

func newContract(document []byte) (*Contract, error) {
	doc, err := parseDocument(document)
	if err != nil {
		return nil, err
	}
	b := builder{doc: doc, compiler: jsonschema.NewCompiler()}
	b.compiler.DefaultDraft(jsonschema.Draft2020)
	b.compiler.AssertFormat()
	if err := b.compiler.AddResource(documentURL, doc); err != nil {
		return nil, err
	}
	paths, _ := doc["paths"].(map[string]any)
	if len(paths) == 0 {
		return nil, errors.New("no paths")
	}
	c := &Contract{}
	for path := range paths {
		r, err := b.route(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		c.routes = append(c.routes, r)
	}
	// A fixed segment goes before a parameter, which is "".
	slices.SortFunc(c.routes, func(a, b *route) int { return slices.Compare(b.segments, a.segments) })
	return c, nil
}

const documentURL = "https://ordersaga.internal/openapi.json" // a name; nothing is fetched

// parseDocument goes through JSON, so that numbers and keys have the forms that JSON Schema knows.
func parseDocument(document []byte) (map[string]any, error) {
	var tree any
	if err := yaml.Unmarshal(document, &tree); err != nil {
		return nil, err
	}
	text, err := json.Marshal(tree)
	if err != nil {
		return nil, err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	doc, _ := value.(map[string]any)
	if version, _ := doc["openapi"].(string); !strings.HasPrefix(version, "3.1.") {
		return nil, fmt.Errorf("openapi is %q, not 3.1", version)
	}
	return doc, nil
}

type builder struct {
	doc      map[string]any
	compiler *jsonschema.Compiler
}

// location is a place in the document: the tokens of a JSON pointer.
type location []string

func (l location) to(tokens ...string) location { return append(l[:len(l):len(l)], tokens...) }

func (b builder) route(path string) (*route, error) {
	r := &route{segments: strings.Split(strings.TrimPrefix(path, "/"), "/"), names: map[string]int{}, operations: map[string]*operation{}}
	for i, s := range r.segments {
		if strings.HasPrefix(s, "{") && strings.HasSuffix(s, "}") {
			r.names[s[1:len(s)-1]] = i
			r.segments[i] = ""
		}
	}
	at, item, err := b.object(location{"paths", path})
	if err != nil {
		return nil, err
	}
	shared, err := b.parameters(at.to("parameters"), item["parameters"])
	if err != nil {
		return nil, err
	}
	var methods []string
	for _, method := range []string{"get", "head", "post", "put", "patch", "delete", "options"} {
		if _, ok := item[method]; !ok {
			continue
		}
		op, err := b.operation(at.to(method), shared)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", method, err)
		}
		r.operations[strings.ToUpper(method)] = op
		methods = append(methods, strings.ToUpper(method))
	}
	if get := r.operations[http.MethodGet]; get != nil && r.operations[http.MethodHead] == nil {
		r.operations[http.MethodHead] = get
		methods = append(methods, http.MethodHead)
	}
	r.allow = strings.Join(methods, ", ")
	return r, nil
}

func (b builder) operation(at location, shared []parameter) (*operation, error) {
	at, object, err := b.object(at)
	if err != nil {
		return nil, err
	}
	own, err := b.parameters(at.to("parameters"), object["parameters"])
	if err != nil {
		return nil, err
	}
	op := &operation{parameters: own, query: map[string]bool{}}
	for _, p := range shared { // an operation's parameter replaces its path's of the same name and place
		if !slices.ContainsFunc(own, func(o parameter) bool { return o.name == p.name && o.in == p.in }) {
			op.parameters = append(op.parameters, p)
		}
	}
	for _, p := range op.parameters {
		if p.in == "query" {
			op.query[p.name] = true
		}
	}
	if object["requestBody"] != nil {
		op.body, err = b.body(at.to("requestBody"))
	}
	return op, err
}

func (b builder) parameters(at location, list any) ([]parameter, error) {
	items, _ := list.([]any)
	out := make([]parameter, 0, len(items))
	for i := range items {
		at, object, err := b.object(at.to(strconv.Itoa(i)))
		if err != nil {
			return nil, err
		}
		p := parameter{}
		p.name, _ = object["name"].(string)
		p.in, _ = object["in"].(string)
		p.required, _ = object["required"].(bool)
		_, schema, err := b.object(at.to("schema"))
		if err != nil {
			return nil, fmt.Errorf("parameter %s: %w", p.name, err)
		}
		p.kind, _ = schema["type"].(string)
		if p.schema, err = b.compile(at.to("schema")); err != nil {
			return nil, fmt.Errorf("parameter %s: %w", p.name, err)
		}
		out = append(out, p)
	}
	return out, nil
}

func (b builder) body(at location) (*body, error) {
	at, object, err := b.object(at)
	if err != nil {
		return nil, err
	}
	out := &body{schemas: map[string]*jsonschema.Schema{}}
	out.required, _ = object["required"].(bool)
	content, _ := object["content"].(map[string]any)
	for mediaType := range content {
		schema, err := b.compile(at.to("content", mediaType, "schema"))
		if err != nil {
			return nil, err
		}
		out.schemas[mediaType] = schema
	}
	return out, nil
}

// object returns what is at a place, following $ref, and where that is.
func (b builder) object(at location) (location, map[string]any, error) {
	for range 10 {
		var here any = b.doc
		for _, token := range at {
			switch v := here.(type) {
			case map[string]any:
				here = v[token]
			case []any:
				i, err := strconv.Atoi(token)
				if err != nil || i >= len(v) {
					return nil, nil, fmt.Errorf("nothing at %s", at.pointer())
				}
				here = v[i]
			}
		}
		object, ok := here.(map[string]any)
		if !ok {
			return nil, nil, fmt.Errorf("no object at %s", at.pointer())
		}
		ref, ok := object["$ref"].(string)
		if !ok {
			return at, object, nil
		}
		rest, ok := strings.CutPrefix(ref, "#/")
		if !ok {
			return nil, nil, fmt.Errorf("%s leads out of the document", ref)
		}
		at = strings.Split(rest, "/")
		for i, token := range at {
			at[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		}
	}
	return nil, nil, fmt.Errorf("$ref in a circle at %s", at.pointer())
}

func (b builder) compile(at location) (*jsonschema.Schema, error) {
	return b.compiler.Compile(documentURL + "#" + at.pointer())
}

// pointer is the JSON pointer as a URL's fragment.
func (l location) pointer() string {
	var s strings.Builder
	for _, token := range l {
		s.WriteString("/" + url.PathEscape(escape(token)))
	}
	return s.String()
}

// escape makes a token of a JSON pointer (RFC 6901).
func escape(token string) string { return escaper.Replace(token) }

var escaper = strings.NewReplacer("~", "~0", "/", "~1") // made once: it is asked for every property of every request
