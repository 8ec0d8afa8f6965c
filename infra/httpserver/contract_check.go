package httpserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// checkParameters returns every fault of path, query and headers.
func (o *operation) checkParameters(r *http.Request, at *route, segments []string) []FieldError {
	var faults []FieldError
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return []FieldError{{"#/query", "is not a query string"}}
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if !o.query[name] {
			faults = append(faults, FieldError{"#/query/" + shorten(escape(name)), "is not a known parameter"})
		}
	}
	for i := range o.parameters {
		p := &o.parameters[i]
		var values []string
		switch p.in {
		case "query":
			values = query[p.name]
		case "header":
			values = r.Header.Values(p.name)
		case "path":
			if i, ok := at.names[p.name]; ok {
				values = segments[i : i+1]
			}
		}
		faults = append(faults, p.check(values)...)
	}
	return faults
}

func (p *parameter) check(values []string) []FieldError {
	pointer := "#/" + p.in + "/" + escape(p.name)
	switch len(values) {
	case 0:
		if p.required {
			return []FieldError{{pointer, "is required"}}
		}
		return nil
	case 1:
	default:
		return []FieldError{{pointer, "is given more than once"}}
	}
	value, ok := p.value(values[0])
	if !ok {
		return []FieldError{{pointer, "must be " + article(p.kind)}}
	}
	var plain normal
	plain.walk("", value)
	faults := plain.faults
	if len(faults) == 0 {
		faults = check(p.schema, value)
	}
	for i := range faults {
		faults[i].Pointer = pointer
	}
	return faults
}

// value is what a parameter's text means to its schema.
func (p *parameter) value(text string) (any, bool) {
	switch p.kind {
	case "integer":
		_, err := strconv.ParseInt(text, 10, 64)
		return json.Number(text), err == nil
	case "number":
		_, err := strconv.ParseFloat(text, 64)
		return json.Number(text), err == nil && json.Valid([]byte(text))
	case "boolean":
		return text == "true", text == "true" || text == "false"
	}
	return text, true
}

// checkBody reads the body, holds it against its schema, and puts it back.
func (o *operation) checkBody(w http.ResponseWriter, r *http.Request) error {
	if o.body == nil {
		return nil
	}
	data, err := readAll(w, r)
	if err != nil {
		return err
	}
	if len(data) == 0 {
		if o.body.required {
			return NewProblem(http.StatusBadRequest, "invalid-json", "The body is empty.")
		}
		return nil
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	schema := o.body.schemas[media]
	if err != nil || schema == nil {
		accepted := strings.Join(slices.Sorted(maps.Keys(o.body.schemas)), ", ")
		w.Header().Set("Accept", accepted)
		return NewProblem(http.StatusUnsupportedMediaType, "unsupported-media-type", "Send "+accepted+".")
	}
	value, err := parseJSON(data)
	if err != nil {
		return err
	}
	var plain normal
	value = plain.walk("", value)
	faults := plain.faults
	if len(faults) == 0 {
		faults = check(schema, value)
	}
	if len(faults) > 0 {
		return NewProblem(http.StatusBadRequest, "schema", "").With(faults...)
	}
	if plain.changed {
		if data, err = json.Marshal(value); err != nil {
			return err
		}
	}
	r.Body = io.NopCloser(bytes.NewReader(data))
	return nil
}

// readAll reads a body up to the limit that Server set. A length that is announced as too large is refused unread.
func readAll(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	limit := int64(DefaultBodyLimit)
	if l, ok := r.Body.(*limited); ok {
		limit = l.limit
	} else {
		r.Body = limitBody(w, r.Body, limit)
	}
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	data, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, tooLarge(large.Limit)
	case err != nil:
		return nil, NewProblem(http.StatusBadRequest, "invalid-json", "The body could not be read.")
	}
	return data, nil
}

func parseJSON(data []byte) (any, error) {
	bad := func(detail string) error { return NewProblem(http.StatusBadRequest, "invalid-json", detail) }
	if !utf8.Valid(data) {
		return nil, bad("The body is not UTF-8.")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, bad(fmt.Sprintf("The JSON ends or breaks at byte %d.", d.InputOffset()))
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, bad("There is more after the JSON value.")
	}
	return value, nil
}

// check returns the faults of a value; pointers are relative to it.
func check(schema *jsonschema.Schema, value any) []FieldError {
	var faults []FieldError
	var invalid *jsonschema.ValidationError
	if err := schema.Validate(value); errors.As(err, &invalid) {
		faults = explain(faults, invalid)
	}
	const most = 20
	return faults[:min(len(faults), most)]
}
