// Package generate writes what other teams and languages take: JSON Schemas, the AsyncAPI document, the OpenAPI documents,
// all from the Go types, the registry and the golden samples.
package generate

import (
	"bytes"
	"encoding/json"
)

// schema is a JSON Schema 2020-12, as far as messages need it. contracts/examples/tap.py knows exactly these keywords.
type schema struct {
	Dialect     string   `json:"$schema,omitempty"`
	ID          string   `json:"$id,omitempty"`
	Title       string   `json:"title,omitempty"`
	Description string   `json:"description,omitempty"`
	Ref         string   `json:"$ref,omitempty"`
	Type        string   `json:"type,omitempty"`
	Const       string   `json:"const,omitempty"`
	Enum        []string `json:"enum,omitempty"`
	Format      string   `json:"format,omitempty"`
	Pattern     string   `json:"pattern,omitempty"`
	MinLength   *int64   `json:"minLength,omitempty"`
	MaxLength   *int64   `json:"maxLength,omitempty"`
	Minimum     *int64   `json:"minimum,omitempty"`
	Maximum     *int64   `json:"maximum,omitempty"`
	MinItems    *int64   `json:"minItems,omitempty"`
	MaxItems    *int64   `json:"maxItems,omitempty"`
	Items       *schema  `json:"items,omitempty"`
	Required    []string `json:"required,omitempty"`
	Properties  ordered  `json:"properties,omitempty"`
	Defs        schemas  `json:"$defs,omitempty"`
}

type schemas map[string]*schema

// ordered is a JSON object whose members keep their order: of properties, that of the Go fields, which is that on the wire.
type ordered []member

type member struct {
	name  string
	value any
}

func (o *ordered) add(name string, value any) { *o = append(*o, member{name, value}) }

// MarshalJSON writes an object.
func (o ordered) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	for i, m := range o {
		b.WriteByte("{,"[min(i, 1)])
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(m.name); err != nil {
			return nil, err
		}
		b.WriteByte(':')
		if err := e.Encode(m.value); err != nil {
			return nil, err
		}
	}
	if len(o) == 0 {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// encode writes a document as people read it.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return b.Bytes(), err
}
