package generate

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"ordersaga.internal/contracts"
)

var errUnsupported = errors.New("no schema for this")

// uuidPattern is the one spelling of an id on the wire.
const uuidPattern = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"

// reader makes schemas of Go types. Types that several messages share become definitions, under refs.
type reader struct {
	docs docs
	refs string // "#/$defs/"
	defs schemas
}

// message returns the schema of a message, without dialect, id and definitions.
//
// Properties that it does not name are allowed: an additive change keeps the version, so a reader that refused them would
// break on the first.
func (r *reader) message(e contracts.Entry) (*schema, error) {
	t := reflect.TypeOf(e.Zero)
	s, err := r.object(t)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Type, err)
	}
	s.Title, s.Description = e.Type, r.docs.of(t.Name())
	return s, nil
}

func (r *reader) object(t reflect.Type) (*schema, error) {
	s := &schema{Type: "object"}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" || f.Anonymous {
			return nil, fmt.Errorf("%w: field %s of %s has no name on the wire", errUnsupported, f.Name, t)
		}
		field, err := r.field(f.Type, f.Tag.Get("schema"))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		field.Description = r.docs.of(t.Name() + "." + f.Name)
		s.Properties.add(name, field)
		if options != "omitempty" {
			s.Required = append(s.Required, name)
		}
	}
	return s, nil
}

// field returns the schema of a field's type with the bounds of its tag.
func (r *reader) field(t reflect.Type, bounds string) (*schema, error) {
	s, err := r.typ(t)
	if err != nil || bounds == "" {
		return s, err
	}
	if pattern, ok := strings.CutPrefix(bounds, "pattern="); ok {
		s.Pattern = pattern
		return s, nil
	}
	lowest, highest := s.bounds()
	for bound := range strings.SplitSeq(bounds, ",") {
		name, value, _ := strings.Cut(bound, "=")
		n, err := strconv.ParseInt(value, 10, 64)
		target := map[string]**int64{"min": lowest, "max": highest}[name]
		if err != nil || target == nil {
			return nil, fmt.Errorf("%w: bound %q", errUnsupported, bound)
		}
		*target = &n
	}
	return s, nil
}

// bounds returns where min and max belong; nil where they mean nothing.
func (s *schema) bounds() (lowest, highest **int64) {
	switch s.Type {
	case "string":
		return &s.MinLength, &s.MaxLength
	case "integer":
		return &s.Minimum, &s.Maximum
	case "array":
		return &s.MinItems, &s.MaxItems
	}
	return nil, nil
}

func (r *reader) typ(t reflect.Type) (*schema, error) {
	switch {
	case t == reflect.TypeFor[uuid.UUID]():
		return &schema{Type: "string", Format: "uuid", Pattern: uuidPattern}, nil
	case t == reflect.TypeFor[contracts.Reason]():
		return r.shared(t, func() (*schema, error) {
			s := &schema{Type: "string"}
			for _, reason := range contracts.Reasons() {
				s.Enum = append(s.Enum, string(reason))
			}
			return s, nil
		})
	}
	switch t.Kind() {
	case reflect.String:
		return &schema{Type: "string"}, nil
	case reflect.Int, reflect.Int64:
		return &schema{Type: "integer"}, nil
	case reflect.Slice:
		items, err := r.typ(t.Elem())
		return &schema{Type: "array", Items: items}, err
	case reflect.Struct:
		return r.shared(t, func() (*schema, error) { return r.object(t) })
	}
	return nil, fmt.Errorf("%w: Go type %s", errUnsupported, t)
}

// shared returns a reference to the definition of a type, which is made once.
func (r *reader) shared(t reflect.Type, define func() (*schema, error)) (*schema, error) {
	if r.defs[t.Name()] == nil {
		s, err := define()
		if err != nil {
			return nil, err
		}
		s.Description = r.docs.of(t.Name())
		r.defs[t.Name()] = s
	}
	return &schema{Ref: r.refs + t.Name()}, nil
}
